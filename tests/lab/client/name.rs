//! The name, asked for at its own server over UDP: no resolver in between, so that what the client sees is what the
//! server says.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::time::timeout;

const ANSWER_MAX: Duration = Duration::from_millis(250);

pub struct Asker {
    socket: UdpSocket,
    name: Name,
    last_id: u16,
    /// Some: an answer is kept for its time to live.
    kept: Option<Kept>,
}

struct Kept {
    answer: Ipv4Addr,
    until: Instant,
}

impl Asker {
    pub async fn new(server: SocketAddr, name: &str, keep_ttl: bool) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
        socket.connect(server).await?;
        let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))?;
        let kept = keep_ttl.then(|| Kept { answer: Ipv4Addr::UNSPECIFIED, until: Instant::now() });
        Ok(Self { socket, name, last_id: 0, kept })
    }

    /// The address that the name has now, or one word that says why there is none.
    pub async fn ask(&mut self) -> Result<Ipv4Addr, String> {
        if let Some(kept) = &self.kept
            && Instant::now() < kept.until
        {
            return Ok(kept.answer);
        }
        let (answer, ttl) =
            timeout(ANSWER_MAX, self.exchange()).await.unwrap_or_else(|_| Err("dns-timeout".to_owned()))?;
        if let Some(kept) = &mut self.kept {
            *kept = Kept { answer, until: Instant::now() + Duration::from_secs(ttl.into()) };
        }
        Ok(answer)
    }

    async fn exchange(&mut self) -> Result<(Ipv4Addr, u32), String> {
        self.last_id = self.last_id.wrapping_add(1);
        let mut question = Message::new(self.last_id, MessageType::Query, OpCode::Query);
        question.metadata.recursion_desired = false;
        question.add_query(Query::query(self.name.clone(), RecordType::A));
        let bytes = question.to_vec().map_err(|_| "dns-question")?;
        self.socket.send(&bytes).await.map_err(|_| "dns-unreachable")?;
        let mut buffer = [0; 1500];
        loop {
            let size = self.socket.recv(&mut buffer).await.map_err(|_| "dns-unreachable")?;
            let Ok(answer) = Message::from_vec(&buffer[..size]) else { continue };
            // What came too late for an earlier question.
            if answer.metadata.id != self.last_id {
                continue;
            }
            if answer.metadata.response_code != ResponseCode::NoError {
                return Err(format!("dns-rcode-{}", u16::from(answer.metadata.response_code)));
            }
            return answer
                .answers
                .iter()
                .find_map(|record| match record.data {
                    RData::A(address) => Some((address.0, record.ttl)),
                    _ => None,
                })
                .ok_or_else(|| "dns-empty".to_owned());
        }
    }
}
