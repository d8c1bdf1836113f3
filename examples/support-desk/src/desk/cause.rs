/// Who makes the desk do something, by which tool and in which call: what each effect is noted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The account.
    pub by: String,
    /// The tool.
    pub tool: &'static str,
    /// The call. The server's record knows it by the same id.
    pub request_id: String,
}
