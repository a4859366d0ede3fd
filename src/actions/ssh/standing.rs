//! A shell that stands on a host and is told one order after the other.
//!
//! A command by itself costs a channel, a login shell and four programs, most of a look inside an outage. A standing
//! shell has paid for them. An order is one compound command on its standard input, so that one that was cut off
//! on its way is a mistake of syntax and not half an order. Marks that nobody can guess part what the orders print: what
//! comes before an order's first mark belongs to nobody, and is dropped.
//!
//! Why a shell may be trusted with the next order: it said its last mark on both outputs, and nothing after it. Any
//! other shell is given up, and its connection with it; the order's own end is kept by `timeout(1)`, as ever.

use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use openssh::{Child, ChildStderr, ChildStdin, ChildStdout, Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::answer::{Ending, OUTPUT_BYTES_MAX, ending};
use super::host_clock::{HostClock, READ_UPTIME};
use crate::actions::moment::Moment;

/// What stands for the exit code of an act that began too late and did nothing.
const LATE: &str = "late";
const STANDING: &str = include_str!("scripts/standing.sh");
/// How long a shell may take until it stands, or until it begins an order. A host that is slower is asked without it.
const BEGINS_WITHIN: Duration = Duration::from_secs(2);
/// A shell that was not spoken to for this long is asked whether it is still there: the next order may be a touch.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// What is to be run on a host.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// One of our own texts. It leaves nothing behind that would go on printing.
    Script { name: &'a str, text: &'static str, arguments: &'a [&'a str] },
    /// One of our own looks that ends by itself at once.
    Brief { name: &'a str, text: &'static str, arguments: &'a [&'a str] },
    /// A user's own look.
    Look(&'a [String]),
    /// A user's own act. It may leave something that goes on printing: waited for until its outputs are closed.
    Act(&'a [String]),
}

impl What<'_> {
    /// The words of the command, as a process is given them.
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Self::Script { name, text, arguments } | Self::Brief { name, text, arguments } => {
                ["sh", "-c", *text, *name].into_iter().chain(arguments.iter().copied()).collect()
            }
            Self::Look(argv) | Self::Act(argv) => argv.iter().map(String::as_str).collect(),
        }
    }

    /// What messages call it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Script { name, .. } | Self::Brief { name, .. } => name,
            Self::Look(argv) | Self::Act(argv) => argv.first().map_or("", String::as_str),
        }
    }
}

/// What came of an order.
#[derive(Debug)]
pub(super) enum Heard {
    Ended {
        code: i32,
        stdout: String,
        stderr: String,
    },
    /// It began later than it may, and did nothing.
    Late,
    /// The shell did not say that it began, and it was not lost either: it stands still, or its host does.
    Silent,
    /// The connection was lost, before the order or during it.
    Lost,
}

/// An order that can be sent.
#[derive(Debug)]
pub(super) struct Order {
    text: String,
    begin: String,
    end: String,
}

/// Until when an order may begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begins {
    Whenever,
    /// It is an act, and was decided at this moment: soon after, or not at all.
    SoonAfter(Moment),
}

/// Why there is no shell.
#[derive(Debug)]
pub(super) enum NoShell {
    /// The login user is another one, or sudo did not let us.
    Refused(Ending, String),
    /// It did not come to stand, whatever the reason. A command by itself will tell it.
    Failed,
}

/// A shell that stands.
#[derive(Debug)]
pub(super) struct Shell {
    session: Arc<Session>,
    /// As whom it runs; empty for the login user.
    user: String,
    // Dropped before the pipes, it would not know how the command ended; nobody asks it.
    _child: Child<Arc<Session>>,
    orders: ChildStdin,
    out: Stream<ChildStdout>,
    err: Stream<ChildStderr>,
    word: String,
    count: u64,
    /// Our own texts that it holds in variables, so that each is sent once.
    texts: Vec<&'static str>,
    clock: HostClock,
}

impl Shell {
    /// Lets a shell come to stand, as this user (empty: whoever logs in).
    pub(super) async fn open(session: &Arc<Session>, user: &str, sudo: bool) -> Result<Self, NoShell> {
        let word = format!("switchback-{:016x}", RandomState::new().build_hasher().finish());
        let mut command = Arc::clone(session).arc_command("sh");
        command.args(["-c", STANDING, "standing", user, if sudo { "yes" } else { "no" }, &word]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|_| NoShell::Failed)?;
        let pipes = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let (Some(orders), Some(out), Some(err)) = pipes else { return Err(NoShell::Failed) };
        let (out, mut err) = (Stream::new(out), Stream::new(err));
        let clock = match tokio::time::timeout(BEGINS_WITHIN * 2, err.until(word.as_bytes())).await {
            Ok(Some(said)) => HostClock::heard_now(&said.line),
            Ok(None) => {
                let (ending, said) = ending(&String::from_utf8_lossy(&err.rest));
                let refused = matches!(ending, Ending::WrongUser(_) | Ending::SudoRefused);
                return Err(if refused { NoShell::Refused(ending, said) } else { NoShell::Failed });
            }
            Err(_) => return Err(NoShell::Failed),
        };
        let (session, user) = (Arc::clone(session), user.to_owned());
        Ok(Self { session, user, _child: child, orders, out, err, word, count: 0, texts: Vec::new(), clock })
    }

    pub(super) fn is_of(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.session, session)
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Whether it is seen to answer; asked only where it was not heard a moment ago.
    pub(super) async fn answers(&mut self) -> bool {
        if self.clock.ago() < FRESH_FOR {
            return true;
        }
        let Some(nothing) = self.write(None, Duration::ZERO, Begins::Whenever) else { return false };
        let seen = tokio::time::timeout(BEGINS_WITHIN, self.send(nothing)).await;
        matches!(seen, Ok(Heard::Ended { code: 0, .. })) && self.is_clean()
    }

    /// Whether nothing was printed after the last mark.
    pub(super) fn is_clean(&self) -> bool {
        self.out.rest.is_empty() && self.err.rest.is_empty()
    }

    /// Writes down what is to be run, within that time. Nothing is sent yet: whoever sends an act asks between the two whether
    /// it still may. `None` where a word cannot be said to a shell.
    pub(super) fn order(&mut self, what: What<'_>, limit: Duration, begins: Begins) -> Option<Order> {
        self.write(Some(what), limit, begins)
    }

    /// Has it run, and says what came of it. A shell that was not heard to end it must be dropped.
    pub(super) async fn send(&mut self, Order { text, begin, end }: Order) -> Heard {
        let sent = async {
            self.orders.write_all(text.as_bytes()).await?;
            self.orders.flush().await
        };
        let (out, err) = (&mut self.out, &mut self.err);
        let begun = async { futures::join!(sent, out.until(begin.as_bytes()), err.until(begin.as_bytes())) };
        match tokio::time::timeout(BEGINS_WITHIN, begun).await {
            Err(_) => return Heard::Silent,
            Ok((Ok(()), Some(_), Some(_))) => {}
            Ok(_) => return Heard::Lost,
        }
        let (out, err) = (&mut self.out, &mut self.err);
        let (stdout, stderr) = futures::join!(out.until(end.as_bytes()), err.until(end.as_bytes()));
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else { return Heard::Lost };
        let (code, uptime) = stderr.line.split_once(' ').unwrap_or((&stderr.line, ""));
        self.clock = HostClock::heard_now(uptime);
        if code == LATE {
            return Heard::Late;
        }
        let Ok(code) = code.parse() else { return Heard::Lost };
        Heard::Ended { code, stdout: stdout.text(), stderr: stderr.text().trim_end().to_owned() }
    }

    /// The order as one compound command.
    fn write(&mut self, what: Option<What<'_>>, limit: Duration, begins: Begins) -> Option<Order> {
        self.count += 1;
        let (begin, end) = (format!("{}-{}-b", self.word, self.count), format!("{}-{}-e=", self.word, self.count));
        let mut order = format!("{{ echo {begin}; echo {begin} >&2\n");
        let held = match what {
            Some(What::Script { text, .. } | What::Brief { text, .. }) => self.hold(text, &mut order)?,
            _ => 0,
        };
        let latest = match begins {
            Begins::Whenever => None,
            Begins::SoonAfter(decided) => self.clock.latest(decided),
        };
        if let Some(latest) = latest {
            writeln!(order, "{READ_UPTIME}; if [ \"${{up:-0}}\" -gt {latest} ]; then code={LATE}; else").ok()?;
        }
        let frame = format!("timeout -k 5 {}", limit.as_secs().max(1));
        match what {
            None => order.push_str("code=0\n"),
            Some(What::Script { name, arguments, .. }) => {
                let words = [name].into_iter().chain(arguments.iter().copied());
                writeln!(order, "{frame} sh -c \"$t{held}\" {} </dev/null; code=$?", all_quoted(words)?).ok()?;
            }
            Some(What::Brief { arguments, .. }) => {
                let words = all_quoted(arguments.iter().copied())?;
                writeln!(order, "(set -- {words}; eval \"$t{held}\") </dev/null; code=$?").ok()?;
            }
            Some(What::Look(argv)) => {
                let words = all_quoted(argv.iter().map(String::as_str))?;
                writeln!(order, "{frame} {words} </dev/null; code=$?").ok()?;
            }
            Some(What::Act(argv)) => {
                let words = all_quoted(argv.iter().map(String::as_str))?;
                // `cat` ends when the last who holds its pipe is gone; only then may another order print. The exit
                // code goes its own way, through the substitution.
                writeln!(
                    order,
                    "exec 4>&1 5>&2; code=$(exec 3>&1; {{ {{ {frame} {words} </dev/null 2>&6 3>&- 4>&- 5>&- 6>&-; echo $? >&3; }} | cat >&4 3>&- 5>&- 6>&-; }} 6>&1 | cat >&5 3>&- 4>&-)\n\
                     exec 4>&- 5>&-"
                )
                .ok()?;
            }
        }
        if latest.is_some() {
            order.push_str("fi\n");
        }
        writeln!(order, "{READ_UPTIME}; echo \"{end}$code\"; echo \"{end}$code $up\" >&2; }}").ok()?;
        Some(Order { text: order, begin, end })
    }

    /// The number of the variable that holds this text; an order that is the first to use it sends it along.
    fn hold(&mut self, text: &'static str, order: &mut String) -> Option<usize> {
        let known = self.texts.iter().position(|held| *held == text);
        let number = known.unwrap_or(self.texts.len());
        if known.is_none() {
            writeln!(order, "t{number}={}", quoted(text)?).ok()?;
            self.texts.push(text);
        }
        Some(number)
    }
}

fn quoted(word: &str) -> Option<String> {
    shlex::try_quote(word).ok().map(std::borrow::Cow::into_owned)
}

fn all_quoted<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    Some(words.map(quoted).collect::<Option<Vec<_>>>()?.join(" "))
}

/// One of a shell's two outputs.
#[derive(Debug)]
struct Stream<R> {
    pipe: R,
    /// Read, and nobody's yet.
    rest: Vec<u8>,
}

/// What stood before a mark, and the rest of the mark's own line.
#[derive(Debug)]
struct Until {
    before: Vec<u8>,
    line: String,
}

impl Until {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.before).into_owned()
    }
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(pipe: R) -> Self {
        Self { pipe, rest: Vec::new() }
    }

    /// Reads up to a line with this mark, and keeps the beginning of what stands before it. `None` where the output
    /// ended before; what it said last is then in `rest`.
    async fn until(&mut self, mark: &[u8]) -> Option<Until> {
        /// Enough for a mark and its line, which must not be dropped with what is too much.
        const TAIL: usize = 256;
        let mut looked = 0;
        loop {
            if let Some(until) = self.take(mark, looked) {
                return Some(until);
            }
            looked = self.rest.len().saturating_sub(TAIL);
            if self.rest.len() > OUTPUT_BYTES_MAX + (64 << 10) {
                self.rest.drain(OUTPUT_BYTES_MAX..looked);
                looked = OUTPUT_BYTES_MAX;
            }
            self.pipe.read_buf(&mut self.rest).await.ok().filter(|count| *count > 0)?;
        }
    }

    fn take(&mut self, mark: &[u8], from: usize) -> Option<Until> {
        let tail = self.rest.get(from..)?;
        let at = from + tail.windows(mark.len()).position(|window| window == mark)?;
        let after = at + mark.len();
        let line = self.rest.get(after..)?;
        let length = line.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(line.get(..length)?).into_owned();
        let mut before: Vec<u8> = self.rest.drain(..=after + length).collect();
        before.truncate(at.min(OUTPUT_BYTES_MAX));
        Some(Until { before, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(text: &[u8], mark: &str) -> (Option<(String, String)>, String) {
        let mut stream = Stream::new(text);
        let until = stream.until(mark.as_bytes()).await;
        let until = until.map(|until| (until.text(), until.line));
        (until, String::from_utf8_lossy(&stream.rest).into_owned())
    }

    #[tokio::test]
    async fn what_stands_before_a_mark() {
        let some = |before: &str, line: &str| Some((before.to_owned(), line.to_owned()));
        assert_eq!(heard(b"old\nM=0\nnew", "M=").await, (some("old\n", "0"), "new".to_owned()));
        assert_eq!(heard(b"M=12\n", "M=").await, (some("", "12"), String::new()));
        assert_eq!(heard(b"no newlineM=1\n", "M=").await, (some("no newline", "1"), String::new()));
        // A mark that was cut off is none.
        assert_eq!(heard(b"text M=1", "M=").await, (None, "text M=1".to_owned()));
        assert_eq!(heard(b"", "M=").await, (None, String::new()));
    }

    #[tokio::test]
    async fn too_much_is_dropped_and_the_mark_is_not() {
        let mut text = vec![b'x'; 3 * OUTPUT_BYTES_MAX];
        text.extend_from_slice(b"M=7\n");
        let (until, rest) = heard(&text, "M=").await;
        let (before, code) = until.expect("the mark");
        assert_eq!((before.len(), code.as_str(), rest.as_str()), (OUTPUT_BYTES_MAX, "7", ""));
    }
}
