//! Reading the knowledge base.

use rusqlite::OptionalExtension;

use super::database::Reading;
use super::{Database, DeskError};

/// What colleagues wrote for colleagues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// The last part of its address, `kb://articles/{slug}`.
    pub slug: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
}

/// Reads articles. They are the same for every tenant.
#[derive(Debug, Clone)]
pub struct KnowledgeBase(Reading);

impl KnowledgeBase {
    /// Opens the knowledge base.
    pub fn open(database: &Database) -> Result<Self, DeskError> {
        Ok(Self(database.reader()?))
    }

    /// One article.
    pub async fn find(&self, slug: &str) -> Result<Option<Article>, DeskError> {
        let slug = slug.to_owned();
        self.0
            .read(move |on| {
                let mut statement =
                    on.prepare_cached("SELECT slug, title, body FROM articles WHERE slug = ?1")?;
                let article = statement.query_row([slug], |row| {
                    Ok(Article { slug: row.get(0)?, title: row.get(1)?, body: row.get(2)? })
                });
                Ok(article.optional()?)
            })
            .await
    }
}
