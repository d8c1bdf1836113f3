//! What the server says it is and can do.

use rmcp::model::{Implementation, ServerCapabilities, ServerConfig, TASKS_EXTENSION_ID};

use crate::server::face::{Catalogue, Face};

pub(super) fn server_config(face: &dyn Face) -> ServerConfig {
    let info = face.info();
    let mut capabilities =
        ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
    if face.declares(Catalogue::Resources) {
        let mut resources = rmcp::model::ResourcesCapability::default();
        resources.list_changed = Some(true);
        capabilities.resources = Some(resources);
    }
    if face.declares(Catalogue::Prompts) {
        let mut prompts = rmcp::model::PromptsCapability::default();
        prompts.list_changed = Some(true);
        capabilities.prompts = Some(prompts);
    }
    if face.asks_people(None) {
        let extensions = capabilities.extensions.get_or_insert_default();
        extensions.insert(TASKS_EXTENSION_ID.to_owned(), serde_json::Map::new());
    }
    let mut config = ServerConfig::new(capabilities);
    config.server_info = Implementation::new(info.name.clone(), info.version.clone());
    config.instructions.clone_from(&info.instructions);
    config
}
