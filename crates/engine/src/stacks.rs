//! What a repository says of its stack: steering files and manifests.

use std::path::Path;

use specie_spec::power::{Around, Power, understand};

/// No steering file is read beyond this, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The stacks of a power that the files of a repository name.
pub fn around(root: &Path, power: &Power) -> Around {
    let mut found = Around::default();
    for (path, text) in steering(root) {
        let named = understand(power, &text).stacks;
        if let [only] = named.keys().collect::<Vec<_>>().as_slice() {
            found.steering.push(((*only).clone(), path));
        }
    }
    for stack in &power.stacks {
        for manifest in &stack.manifests {
            let Some(text) = small(&root.join(&manifest.file)) else { continue };
            if manifest.names.iter().any(|name| names(&text, name)) {
                found.manifests.push((stack.id.clone(), manifest.file.clone()));
                break;
            }
        }
    }
    found
}

/// Whether a manifest names a package: the word stands alone.
fn names(manifest: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    manifest.match_indices(name).any(|(at, _)| {
        let before = manifest[..at].chars().next_back();
        let after = manifest[at + name.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

/// The steering files of a repository, by path, in order.
pub fn steering(root: &Path) -> Vec<(String, String)> {
    let mut paths = vec![".kiro/steering.md".to_owned(), "AGENTS.md".to_owned()];
    if let Ok(entries) = std::fs::read_dir(root.join(".kiro/steering")) {
        let names = entries
            .filter_map(|it| it.ok().map(|it| it.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.filter(|it| it.ends_with(".md")).collect();
        names.sort();
        paths.extend(names.iter().map(|name| format!(".kiro/steering/{name}")));
    }
    let read = |path: String| small(&root.join(&path)).map(|text| (path, text));
    paths.into_iter().filter_map(read).collect()
}

fn small(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > LARGEST { None } else { std::fs::read_to_string(path).ok() }
}
