//! HTTP/1 messages as bytes, read without a library, because the library is part of what is tested.

use tokio::io::{AsyncRead, AsyncReadExt};

/// A message as it came over the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// From the start line to the empty line, without the latter.
    pub head: Vec<u8>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// The field lines after the last chunk.
    pub trailers: Vec<u8>,
    /// Whether the body ended as its framing promised.
    pub complete: bool,
}

impl Message {
    /// The start line.
    #[must_use]
    pub fn start_line(&self) -> String {
        text(self.head.split(|byte| *byte == b'\n').next().unwrap_or_default()).trim().to_owned()
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> u16 {
        let line = self.start_line();
        line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status line")
    }

    /// The values of all lines of this name, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<Vec<u8>> {
        field_lines(&self.head)
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.to_vec())
            .collect()
    }

    /// The value of the only line of this name; absent if there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let values = self.values(name);
        assert!(values.len() < 2, "`{name}` stands in the head {} times", values.len());
        values.first().map(|value| text(value))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.body)
    }

    /// The head as text.
    #[must_use]
    pub fn head_text(&self) -> String {
        text(&self.head)
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").iter().any(|value| value.eq_ignore_ascii_case(b"chunked"))
    }

    fn length(&self) -> Option<usize> {
        self.value("content-length").map(|length| length.parse().expect("a length"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn field_lines(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Reads messages one after the other from a connection.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from `source`.
    #[must_use]
    pub const fn new(source: R) -> Self {
        Self { source, buffer: Vec::new() }
    }

    /// The connection itself.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// A head; absent if the connection ends before one.
    pub async fn head(&mut self) -> Option<Message> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if !self.fill().await {
                return None;
            }
        };
        let mut head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        head.truncate(end);
        Some(Message { head, ..Message::default() })
    }

    /// The body of a request with this head.
    pub async fn request_body(&mut self, message: &mut Message) {
        if message.is_chunked() {
            self.chunks(message).await;
        } else {
            self.exactly(message, message.length().unwrap_or(0)).await;
        }
    }

    /// The body of a response with this head, to a request that was not `HEAD`.
    pub async fn response_body(&mut self, message: &mut Message) {
        let status = message.status();
        if message.is_chunked() {
            self.chunks(message).await;
        } else if status == 204 || status == 304 || status < 200 {
            message.complete = true;
        } else if let Some(length) = message.length() {
            self.exactly(message, length).await;
        } else {
            message.body = self.to_end().await;
            message.complete = true;
        }
    }

    /// All that comes until the connection ends.
    pub async fn to_end(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads once; false at the end of the connection or after a reset.
    pub async fn fill(&mut self) -> bool {
        matches!(self.source.read_buf(&mut self.buffer).await, Ok(1..))
    }

    /// What has been read and not been asked for.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes what has been read and not been asked for.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    async fn exactly(&mut self, message: &mut Message, length: usize) {
        while self.buffer.len() < length {
            if !self.fill().await {
                message.body = std::mem::take(&mut self.buffer);
                return;
            }
        }
        message.body = self.buffer.drain(..length).collect();
        message.complete = true;
    }

    async fn chunks(&mut self, message: &mut Message) {
        loop {
            let Some(line) = self.line().await else { return };
            let size = text(&line);
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            if size == 0 {
                break;
            }
            while self.buffer.len() < size + 2 {
                if !self.fill().await {
                    message.body.append(&mut self.buffer);
                    return;
                }
            }
            message.body.extend(self.buffer.drain(..size));
            let end: Vec<u8> = self.buffer.drain(..2).collect();
            assert_eq!(end, b"\r\n", "a chunk ends with a line end");
        }
        loop {
            let Some(line) = self.line().await else { return };
            if line.is_empty() {
                break;
            }
            message.trailers.extend(line);
            message.trailers.extend(b"\r\n");
        }
        message.complete = true;
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.drain(..end).collect();
                self.buffer.drain(..2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
