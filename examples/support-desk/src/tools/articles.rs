use mcp_secure::prelude::*;

use crate::desk::{DeskError, KnowledgeBase};

/// An article of the desk's knowledge base.
#[resource(uri = "kb://articles/{slug}", permission = "kb.read", mime_type = "text/markdown")]
pub async fn kb_article(
    articles: &KnowledgeBase,
    /// The article's short name.
    #[arg(pattern = "^[a-z0-9-]{1,64}$")]
    slug: String,
) -> Result<Content, DeskError> {
    let article = articles.find(&slug).await?.ok_or(DeskError::Missing("article"))?;
    Ok(Content::text(format!("# {}\n\n{}", article.title, article.body)))
}
