//! The files that pages load. Each is in the binary; its name holds the hash of its content, so a browser
//! keeps it for good and never mixes two versions.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use std::{fmt::Write as _, sync::LazyLock};

/// A file that pages load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The one style sheet.
    Style,
    /// Signing in with a passkey, and adding one.
    Passkey,
    /// Sends the only form of a page.
    Submit,
    /// Buttons that copy a secret.
    Copy,
    /// What a browser's tab shows.
    Icon,
}

struct File {
    asset: Asset,
    name: String,
    kind: &'static str,
    text: &'static str,
}

static FILES: LazyLock<[File; 5]> = LazyLock::new(|| {
    Asset::ALL.map(|asset| {
        let (stem, end, kind, text) = asset.parts();
        let mut name = format!("{stem}.");
        for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(8) {
            let _ = write!(name, "{byte:02x}");
        }
        File { asset, name: format!("{name}.{end}"), kind, text }
    })
});

impl Asset {
    const ALL: [Self; 5] = [Self::Style, Self::Passkey, Self::Submit, Self::Copy, Self::Icon];

    const fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        const SCRIPT: &str = "text/javascript; charset=utf-8";
        match self {
            Self::Style => {
                ("style", "css", "text/css; charset=utf-8", include_str!("../../assets/style.css"))
            }
            Self::Passkey => ("passkey", "js", SCRIPT, include_str!("../../assets/passkey.js")),
            Self::Submit => ("submit", "js", SCRIPT, include_str!("../../assets/submit.js")),
            Self::Copy => ("copy", "js", SCRIPT, include_str!("../../assets/copy.js")),
            Self::Icon => ("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
        }
    }

    /// Its name below `/assets/`.
    pub fn name(self) -> &'static str {
        FILES.iter().find(|file| file.asset == self).map_or("", |file| &file.name)
    }
}

/// The file of that name; 404 if there is none, or no longer this one.
pub fn asset(name: &str) -> Response<Body> {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, file.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_name_that_pages_use() {
        for kind in Asset::ALL {
            let response = asset(kind.name());
            assert_eq!(response.status(), StatusCode::OK);
            let kept = response.headers()["cache-control"].to_str().unwrap();
            assert!(kept.contains("immutable"));
        }
        assert_eq!(asset("style.css").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_style_sheet_is_small_and_loads_nothing() {
        let (.., text) = Asset::Style.parts();
        assert!(text.len() <= 12 * 1024, "{} bytes", text.len());
        assert!(!text.contains("url(") && !text.contains("@import"));
    }
}
