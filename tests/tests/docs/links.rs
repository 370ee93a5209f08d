//! Every link inside the repository leads somewhere.

use super::markdown::{Page, pages};

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let pages = pages();
    let mut wrong = Vec::new();
    let mut links = 0;
    for page in &pages {
        for (line, link) in page.links() {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            links += 1;
            if let Err(why) = follow(page, &pages, link) {
                wrong.push(format!("{}:{line}: {link}: {why}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(links > 40, "only {links} links were found");
}

fn follow(page: &Page, pages: &[Page], link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.path.parent().expect("a document is in a folder");
    let target = if path.is_empty() { page.path.clone() } else { folder.join(path) };
    let target = target.canonicalize().map_err(|error| error.to_string())?;
    if anchor.is_empty() {
        return Ok(());
    }
    let there = pages
        .iter()
        .find(|page| page.path.canonicalize().is_ok_and(|path| path == target))
        .ok_or("it is no document of ours")?;
    if there.anchors().iter().any(|one| one == anchor) { Ok(()) } else { Err("there is no such heading".into()) }
}
