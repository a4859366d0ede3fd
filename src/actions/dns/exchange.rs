//! The two transports: UDP for questions, TCP for what does not fit and for updates.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::engine::action::Fault;

/// How long one server may take to answer, TCP after UDP included.
pub const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long to wait before a question over UDP is sent again: packets get lost.
const AGAIN: Duration = Duration::from_millis(500);
/// The largest answer taken over UDP, in bytes. Servers send 512 to one who does not ask for more.
const UDP_BYTES_MAX: usize = 4_096;

/// Why a server gave no answer that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("no address is known for it")]
    NoAddress,
    #[error("it did not answer within {seconds} s", seconds = ANSWER_MAX.as_secs())]
    Silent,
    #[error("it cannot be reached ({0})")]
    Closed(ErrorKind),
    /// It answered, and said no.
    #[error("it answered {code}", code = said(*.0))]
    Declined(ResponseCode),
    #[error("its answer cannot be read")]
    Garbled,
    /// What was to be asked cannot be put as a question.
    #[error("the name or address cannot be written in a DNS message")]
    NoQuestion,
}

impl NoAnswer {
    /// What the engine branches on.
    pub fn fault(self) -> Fault {
        match self {
            Self::NoAddress | Self::Silent | Self::Closed(_) => Fault::Unreachable,
            Self::Garbled | Self::Declined(ResponseCode::ServFail) => Fault::Transient,
            Self::Declined(_) | Self::NoQuestion => Fault::Refused,
        }
    }
}

/// A code as RFCs and `dig` write it.
fn said(code: ResponseCode) -> String {
    match code {
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        ResponseCode::NotZone => "NOTZONE".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        other => format!("code {}", u16::from(other)),
    }
}

/// Asks over UDP, and over TCP when the answer does not fit. What comes back answers this very question.
pub async fn question(address: SocketAddr, message: &Message) -> Result<Message, NoAnswer> {
    let bytes = message.to_vec().map_err(|_| NoAnswer::NoQuestion)?;
    let asked = async {
        let answer = over_udp(address, &bytes, message).await?;
        if !answer.metadata.truncation {
            return Ok(answer);
        }
        let answer = over_tcp(address, &bytes).await.map_err(|lost| lost.why)?;
        let answer = Message::from_vec(&answer).map_err(|_| NoAnswer::Garbled)?;
        if answers(message, &answer) { Ok(answer) } else { Err(NoAnswer::Garbled) }
    };
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or(Err(NoAnswer::Silent))
}

/// Whether one message answers the other; anything else is late, lost or forged.
fn answers(question: &Message, answer: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        // Some servers leave the question out when they refuse it.
        && (answer.queries == question.queries || answer.queries.is_empty())
}

async fn over_udp(address: SocketAddr, bytes: &[u8], question: &Message) -> Result<Message, NoAnswer> {
    let own: SocketAddr =
        if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let closed = |error: std::io::Error| NoAnswer::Closed(error.kind());
    let socket = UdpSocket::bind(own).await.map_err(closed)?;
    socket.connect(address).await.map_err(closed)?;
    let mut buffer = vec![0_u8; UDP_BYTES_MAX];
    // The caller's deadline ends this.
    loop {
        socket.send(bytes).await.map_err(closed)?;
        let again_at = tokio::time::Instant::now() + AGAIN;
        while let Ok(received) = tokio::time::timeout_at(again_at, socket.recv(&mut buffer)).await {
            let length = received.map_err(closed)?;
            let Ok(answer) = Message::from_vec(buffer.get(..length).unwrap_or_default()) else { continue };
            if answers(question, &answer) {
                return Ok(answer);
            }
        }
    }
}

/// A request over TCP that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub why: NoAnswer,
    /// Whether the server may have got the request: then what it asked for may have been done.
    pub sent: bool,
}

/// One request and its answer over TCP, as bytes: a signature is over bytes.
pub async fn over_tcp(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>, Lost> {
    let began = tokio::time::Instant::now();
    exchange(connect(address).await?, bytes, began + ANSWER_MAX).await
}

/// A connection on which nothing was sent yet.
pub async fn connect(address: SocketAddr) -> Result<TcpStream, Lost> {
    let lost = |why| Lost { why, sent: false };
    match tokio::time::timeout(ANSWER_MAX, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(lost(NoAnswer::Closed(error.kind()))),
        Err(_) => Err(lost(NoAnswer::Silent)),
    }
}

/// One request and its answer on a fresh connection.
pub async fn exchange(mut stream: TcpStream, bytes: &[u8], deadline: tokio::time::Instant) -> Result<Vec<u8>, Lost> {
    let lost = |why, sent| Lost { why, sent };
    let length = u16::try_from(bytes.len()).map_err(|_| lost(NoAnswer::NoQuestion, false))?;
    let mut request = Vec::with_capacity(bytes.len() + 2);
    request.extend_from_slice(&length.to_be_bytes());
    request.extend_from_slice(bytes);
    let exchange = async {
        stream.write_all(&request).await?;
        let mut answer = vec![0_u8; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout_at(deadline, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(lost(NoAnswer::Closed(error.kind()), true)),
        Err(_) => Err(lost(NoAnswer::Silent, true)),
    }
}
