//! As much Markdown as the documents use: headings, fenced blocks, tables, links, code in a line.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is inside the repository").to_owned()
}

/// A document.
pub struct Page {
    /// Relative to the repository, with `/`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block.
pub struct Block {
    pub language: String,
    /// Without the indentation of its fence.
    pub text: String,
    /// Of its first line, from 1.
    pub line: usize,
}

/// Every document people read.
pub fn pages() -> Vec<Page> {
    let root = root();
    let mut paths = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "guest-examples"] {
        below(&root.join(folder), 2, &mut paths);
    }
    let mut pages: Vec<Page> = paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below the repository").to_string_lossy().replace('\\', "/");
            // Windows checks files out with CR LF.
            let text = std::fs::read_to_string(&path).expect("a document is text").replace("\r\n", "\n");
            Page { name, path, text }
        })
        .collect();
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(pages.len() > 15, "only {} documents were found", pages.len());
    pages
}

/// One document.
pub fn page(name: &str) -> Page {
    pages().into_iter().find(|page| page.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("readable").path();
        if path.is_dir() && depth > 0 && path.file_name().is_some_and(|name| name != "target") {
            below(&path, depth - 1, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

impl Page {
    /// Its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        for (at, line) in self.text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            open = match (open, fence) {
                (None, Some(language)) => {
                    let indent = line.len() - line.trim_start().len();
                    let language = language.trim().to_owned();
                    Some((indent, Block { language, text: String::new(), line: at + 2 }))
                }
                (None, None) => None,
                (Some((_, block)), Some(_)) => {
                    blocks.push(block);
                    None
                }
                (Some((indent, mut block)), None) => {
                    block.text.push_str(line.get(indent..).unwrap_or(""));
                    block.text.push('\n');
                    Some((indent, block))
                }
            };
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        blocks
    }

    /// The lines outside of blocks, with their numbers from 1.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut inside = false;
        let mut lines = Vec::new();
        for (at, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                lines.push((at + 1, line));
            }
        }
        lines
    }

    /// Where its links lead, with the line they stand in.
    pub fn links(&self) -> Vec<(usize, &str)> {
        let mut links = Vec::new();
        for (number, line) in self.prose() {
            for (at, _) in line.match_indices("](") {
                let rest = &line[at + 2..];
                links.extend(rest.find(')').map(|end| (number, &rest[..end])));
            }
        }
        links
    }

    /// What its headings are linked by, as forges make it.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The code in its lines, with their numbers. Code is not broken over lines.
    pub fn spans(&self) -> Vec<(usize, &str)> {
        for (number, line) in self.prose() {
            assert!(line.matches('`').count().is_multiple_of(2), "{}:{number}: code without an end", self.name);
        }
        let odd = |line| str::split(line, '`').enumerate().filter(|(at, _)| at % 2 == 1).map(|(_, code)| code);
        self.prose().into_iter().flat_map(|(number, line)| odd(line).map(move |code| (number, code))).collect()
    }

    /// The first cells of the table under a heading, from its first row.
    pub fn table_under(&self, heading: &str) -> Vec<Vec<&str>> {
        let prose = self.prose();
        let mut lines = prose.into_iter().map(|(_, line)| line).skip_while(|line| *line != heading).skip(1);
        let rows: Vec<&str> =
            lines.by_ref().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).collect();
        assert!(rows.len() > 2, "{}: there is no table under {heading:?}", self.name);
        rows[2..].iter().map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
