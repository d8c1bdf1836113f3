//! Which screen a page is looked at on, and pictures of it.

use std::path::{Path, PathBuf};

use mcp_secure_tests::programs::workspace;
use serde_json::json;

use crate::harness::installed;
use crate::window::Window;

impl Window {
    /// A phone held upright.
    #[track_caller]
    pub(crate) fn on_phone(&self) -> &Self {
        self.screen(360, 740, true)
    }

    /// The same screen as ever.
    #[track_caller]
    pub(crate) fn on_desktop(&self) -> &Self {
        self.screen(1280, 800, false)
    }

    #[track_caller]
    pub(crate) fn screen(&self, width: u32, height: u32, mobile: bool) -> &Self {
        let screen =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", screen);
        self.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": mobile}));
        self
    }

    /// As one whose system is set to dark, or to light.
    #[track_caller]
    pub(crate) fn in_colours(&self, scheme: &str) -> &Self {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", json!({"features": [feature]}));
        self
    }

    /// As one whose browser runs no scripts.
    #[track_caller]
    pub(crate) fn without_scripts(&self) -> &Self {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true}));
        self
    }

    /// Nothing has to be moved sideways to be read.
    #[track_caller]
    pub(crate) fn fits_its_width(&self) {
        let root = "const root = document.documentElement;";
        let widths = self.script(&format!("{root} return [root.scrollWidth, root.clientWidth];"));
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{}: {widths}", self.path());
    }

    /// What axe-core finds wrong with the page: its rule, how bad it is, and where.
    #[track_caller]
    pub(crate) fn barriers(&self) -> Vec<String> {
        let axe = installed("npm").join("node_modules/axe-core/axe.min.js");
        self.script(&std::fs::read_to_string(axe).unwrap());
        let found = self.script_later(
            "const done = arguments[arguments.length - 1];
             axe.run(document).then(found => done(found.violations), error => done(String(error)));",
        );
        let found = found.as_array().unwrap_or_else(|| panic!("axe-core fails: {found}")).clone();
        let told = |rule: &serde_json::Value| {
            let places: Vec<_> = rule["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["html"].to_string())
                .collect();
            let [id, impact, help] =
                ["id", "impact", "help"].map(|key| rule[key].as_str().unwrap_or(""));
            format!("{impact}: {id}: {help}: {}", places.join(", "))
        };
        found.iter().map(told).collect()
    }

    /// Takes a picture of the whole page, up to a height, into `target/screenshots`. A wide one is made smaller, to the
    /// width that a page of the guide has for it.
    ///
    /// With `UPDATE_SCREENSHOTS` set, those of the guide are taken anew as well.
    #[track_caller]
    pub(crate) fn picture(&self, name: &str, at_most: u64) -> PathBuf {
        use base64::Engine as _;

        let size = self.script(
            "const root = document.documentElement; return [root.clientWidth, root.scrollHeight];",
        );
        let height = size[1].as_u64().unwrap().min(at_most);
        let scale = if size[0].as_u64().unwrap() > 750 { 0.75 } else { 1.0 };
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": height, "scale": scale});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.devtools("Page.captureScreenshot", asked);
        let png = base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().unwrap())
            .unwrap();
        let file = format!("{name}.png");
        if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
            save(&workspace().join("docs/src/images"), &file, &png);
        }
        save(&workspace().join("target/screenshots"), &file, &png)
    }
}

fn save(folder: &Path, file: &str, png: &[u8]) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(file);
    std::fs::write(&path, png).unwrap();
    path
}
