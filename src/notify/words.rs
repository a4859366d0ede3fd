//! How a notice reads: one template for people, and the shapes that Slack and PagerDuty take.

use serde::Serialize;
use serde_json::{Value, json};

use super::Undelivered;
use super::notice::Notice;
use crate::estate::notify::Occasion;

const MESSAGE: &str = include_str!("../../templates/message.txt");
/// PagerDuty's own limit of a summary, in characters.
const SUMMARY_MAX: usize = 1_024;
/// Longest subject of a mail, in characters; the whole sentence stands in the body.
const SUBJECT_MAX: usize = 150;

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// One line.
    pub(super) subject: String,
    pub(super) body: String,
}

#[derive(Serialize)]
struct Page<'a> {
    notice: &'a Notice,
    mark: &'static str,
    route: String,
    when: String,
}

/// The message.
pub(super) fn message(notice: &Notice) -> Result<Message, Undelivered> {
    let unmade = |error: tera::Error| Undelivered::never(format!("the message cannot be made: {error}"));
    let route = match (&notice.from, &notice.to) {
        (Some(from), Some(to)) => format!("from {from} to {to}"),
        (None, Some(to)) => format!("to {to}"),
        (_, None) => String::new(),
    };
    let when = notice.at.strftime("%F %T UTC").to_string();
    let page = Page { notice, mark: mark(notice.occasion), route, when };
    let mut tera = tera::Tera::default();
    tera.add_raw_template("message.txt", MESSAGE).map_err(unmade)?;
    let text =
        tera::Context::from_serialize(&page).and_then(|page| tera.render("message.txt", &page)).map_err(unmade)?;
    let (subject, _) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Message { subject: short(subject, SUBJECT_MAX), body: text.trim_end().to_owned() })
}

/// The notice itself, for programs.
pub(super) fn json(notice: &Notice) -> Result<Value, Undelivered> {
    serde_json::to_value(notice).map_err(|error| Undelivered::never(format!("the message cannot be made: {error}")))
}

/// What an incoming webhook of Slack takes. Three characters mean something to it, and are written otherwise.
pub(super) fn slack(notice: &Notice) -> Result<Value, Undelivered> {
    let text = message(notice)?.body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(json!({ "text": text, "mrkdwn": false }))
}

/// What PagerDuty's Events API v2 takes. All of a run is one incident; a run that is done resolves it.
pub(super) fn pagerduty(notice: &Notice, routing_key: &str) -> Result<Value, Undelivered> {
    let dedup = format!("switchback/{}/{}", notice.estate, notice.run);
    if notice.occasion == Occasion::Done {
        return Ok(json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup}));
    }
    let severity = match notice.occasion {
        Occasion::Started | Occasion::NoReturn | Occasion::Done => "info",
        Occasion::Waiting | Occasion::GoingBack => "warning",
        Occasion::Failed => "error",
        Occasion::Stopped => "critical",
    };
    Ok(json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup,
        "client": "switchback",
        "payload": {
            "summary": short(&message(notice)?.subject, SUMMARY_MAX),
            "source": notice.operator,
            "severity": severity,
            "timestamp": notice.at.to_string(),
            "component": notice.runbook,
            "group": notice.estate,
            "class": notice.event,
            "custom_details": json(notice)?,
        },
    }))
}

fn mark(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Started => "[began]",
        Occasion::Waiting => "[WAITING]",
        Occasion::NoReturn => "[no return]",
        Occasion::GoingBack => "[going back]",
        Occasion::Stopped => "[STOPPED]",
        Occasion::Failed => "[FAILED]",
        Occasion::Done => "[done]",
    }
}

/// One line of at most so many characters.
fn short(text: &str, chars_max: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= chars_max {
        return text.chars().map(plain).collect();
    }
    text.chars().take(chars_max.saturating_sub(1)).map(plain).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::told;
    use super::*;
    use crate::engine::event::What;
    use crate::engine::verdict::Verdict;

    fn stopped(reason: &str) -> Notice {
        let ended = What::Ended { verdict: Verdict::Stopped, reason: reason.to_owned() };
        told(vec![ended]).pop().expect("an end")
    }

    #[test]
    fn a_message_says_what_happened_and_what_can_be_done() {
        let Message { subject, body } = message(&stopped("`orders` did not answer")).expect("a message");
        assert_eq!(subject, "[STOPPED] shop: Fail over: ended after 4.2 s: stopped: `orders` did not answer");
        let expected = format!(
            "{subject}\n\nestate shop, runbook failover, mode planned, from dallas to nuremberg\n\
             run 20260704-1, carried out by me@here, 1970-01-01 00:00:00 UTC\n\n    \
             switchback show 20260704-1\n    switchback resume 20260704-1\n    switchback rollback 20260704-1"
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn nothing_that_is_said_is_read_as_anything_else() {
        let notice = stopped("<!channel> & \r\nBcc: x@y\nmore");
        let text = slack(&notice).expect("a message")["text"].as_str().map(str::to_owned).expect("a text");
        assert!(text.contains("&lt;!channel&gt; &amp; ") && !text.contains('<'), "{text}");
        let subject = message(&notice).expect("a message").subject;
        assert!(!subject.contains(['\r', '\n']) && !subject.contains("Bcc"), "{subject}");
        let long = message(&stopped(&"ü".repeat(2_000))).expect("a message").subject;
        assert_eq!(long.chars().count(), SUBJECT_MAX);
    }

    #[test]
    fn an_incident_is_opened_and_resolved() {
        let open = pagerduty(&stopped("x"), "key").expect("an event");
        assert_eq!((&open["event_action"], &open["payload"]["severity"]), (&"trigger".into(), &"critical".into()));
        let done = told(vec![What::Ended { verdict: Verdict::Done, reason: String::new() }]).pop().expect("an end");
        let resolved = pagerduty(&done, "key").expect("an event");
        assert_eq!((&resolved["event_action"], &resolved["dedup_key"]), (&"resolve".into(), &open["dedup_key"]));
    }
}
