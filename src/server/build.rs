//! Embeds the site directory (see `xtask/src/assets.rs`) as a table of files.
//!
//! `MARGAY_SITE_DIR` names the directory. Without it the binary has no files for the browser; pages work, unstyled.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=MARGAY_SITE_DIR");
    let mut table = String::from("pub(crate) static FILES: &[EmbeddedFile] = &[\n");
    let site = env::var_os("MARGAY_SITE_DIR").map(PathBuf::from);
    // Also if it is not there yet: cargo then looks again with the next build.
    if let Some(site) = &site {
        println!("cargo::rerun-if-changed={}", site.display());
    }
    if let Some(site) = site.filter(|site| site.is_dir()) {
        let mut files = Vec::new();
        collect(&site, &mut files)?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_none_or(|extension| extension != "br")) {
            add(&mut table, &site, file)?;
        }
    }
    table.push_str("];\n");
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(PathBuf::from(out).join("assets.rs"), table)?;
    Ok(())
}

fn add(table: &mut String, site: &Path, file: &Path) -> Result<(), Box<dyn Error>> {
    let path = file.strip_prefix(site)?.to_str().ok_or("the names of assets are UTF-8")?;
    let include = |file: &Path| format!("include_bytes!(r#\"{}\"#)", file.display());
    let mut etag = String::new();
    for byte in Sha256::digest(fs::read(file)?).iter().take(12) {
        write!(etag, "{byte:02x}")?;
    }
    let compressed = PathBuf::from(format!("{}.br", file.display()));
    let brotli = if compressed.is_file() { format!("Some({})", include(&compressed)) } else { "None".to_owned() };
    let bytes = include(file);
    writeln!(
        table,
        r#"    EmbeddedFile {{ path: "/{path}", etag: "\"{etag}\"", bytes: {bytes}, brotli: {brotli} }},"#
    )?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
