/// One block of content.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    Text { text: String },
    Image { data: String, mime_type: String },
    Audio { data: String, mime_type: String },
    Link { uri: String, name: String },
}

impl Block {
    pub(crate) fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Text { text } => vec![text],
            Self::Link { uri, name } => vec![uri, name],
            Self::Image { mime_type, .. } | Self::Audio { mime_type, .. } => vec![mime_type],
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text { text } => text.len(),
            Self::Link { uri, name } => uri.len().saturating_add(name.len()),
            Self::Image { data, .. } | Self::Audio { data, .. } => data.len(),
        }
    }
}

/// Content in blocks, for tools whose result is not one JSON object: text, images, audio, links to resources.
///
/// ```
/// use mcp_secure::tool::Content;
/// let content = Content::text("the chart you asked for").image("aGk=", "image/png");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content(Vec<Block>);

impl Content {
    /// One block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Block::Text { text: text.into() }])
    }

    /// This content and another block of text.
    #[must_use]
    pub fn and_text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Block::Text { text: text.into() });
        self
    }

    /// This content and an image, `data` in base64.
    #[must_use]
    pub fn image(mut self, data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        self.0.push(Block::Image { data: data.into(), mime_type: mime_type.into() });
        self
    }

    /// This content and a sound, `data` in base64.
    #[must_use]
    pub fn audio(mut self, data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        self.0.push(Block::Audio { data: data.into(), mime_type: mime_type.into() });
        self
    }

    /// This content and a link to a resource of this server.
    #[must_use]
    pub fn resource_link(mut self, uri: impl Into<String>, name: impl Into<String>) -> Self {
        self.0.push(Block::Link { uri: uri.into(), name: name.into() });
        self
    }

    pub(crate) fn into_blocks(self) -> Vec<Block> {
        self.0
    }
}
