//! The site directory: everything the server embeds and serves as files.
//!
//! ```text
//! <target>/site/favicon.svg …      public/, as it is
//! <target>/site/pkg/margay.js      the loader that wasm-bindgen writes
//! <target>/site/pkg/margay.wasm    the islands
//! <target>/site/pkg/margay.css     style/main.css with its imports
//! <target>/site/**.br              the same, compressed
//! ```

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::style;

/// The name of the bundle; `LEPTOS_OUTPUT_NAME` in `.cargo/config.toml` and `Leptos.toml` say the same.
const NAME: &str = "margay";

/// Makes the bundle smaller, where the npm packages are installed.
const WASM_OPT: &str = "end2end/node_modules/binaryen/bin/wasm-opt";

/// How the bundle is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bundle {
    /// In cargo's profile `dev`, which shares its macros with the server's build, and large.
    Quick,
    /// Optimised for size.
    Small,
}

impl Bundle {
    /// How the stamp of a site begins that has this bundle.
    const fn mark(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Small => "small",
        }
    }

    const fn profile(self) -> &'static str {
        match self {
            Self::Quick => "dev",
            Self::Small => "wasm-release",
        }
    }

    /// The folder of the profile in the target directory.
    const fn folder(self) -> &'static str {
        match self {
            Self::Quick => "debug",
            Self::Small => "wasm-release",
        }
    }

    /// From 0 to 11.
    const fn brotli_quality(self) -> u32 {
        match self {
            Self::Quick => 1,
            Self::Small => 9,
        }
    }
}

/// Builds the site directory from scratch, if anything changed. A small bundle is not replaced by a quick one, so that
/// commands that want one or the other do not build the server anew in turns.
pub(crate) fn build(quick: bool) -> Result<()> {
    let root = workspace_root()?;
    let target = target_dir(&root);
    let site = target.join("site");
    let stamp_file = target.join("site.stamp");
    let old_stamp = fs::read_to_string(&stamp_file).ok().filter(|_| site.exists()).unwrap_or_default();
    let kind = if quick && !old_stamp.starts_with(Bundle::Small.mark()) { Bundle::Quick } else { Bundle::Small };
    let bundle = compile(&root, &target, kind)?;
    let stamp = stamp(&root, &bundle, kind)?;
    if old_stamp == stamp {
        println!("assets: {} is up to date", site.display());
        return Ok(());
    }
    let staging = target.join("site.new");
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    fs::create_dir_all(staging.join("pkg"))?;
    copy_dir(&root.join("public"), &staging)?;
    fs::write(staging.join("pkg").join(format!("{NAME}.css")), style::bundle(&root.join("style/main.css"))?)?;
    bind(&root, &bundle, &staging.join("pkg"), kind)?;
    compress(&staging, kind)?;
    replace_if_changed(&staging, &site)?;
    fs::write(stamp_file, stamp)?;
    let size = |name: &str| fs::metadata(site.join("pkg").join(name)).map_or(0, |m| m.len());
    println!(
        "assets: {} (brotli: wasm {} B, js {} B, css {} B)",
        site.display(),
        size(&format!("{NAME}.wasm.br")),
        size(&format!("{NAME}.js.br")),
        size(&format!("{NAME}.css.br")),
    );
    Ok(())
}

fn workspace_root() -> Result<PathBuf> {
    let manifest = env::var("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    Path::new(&manifest).parent().map(Path::to_path_buf).context("xtask has no parent folder")
}

fn target_dir(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// A text that differs when any input of the site directory does.
fn stamp(root: &Path, bundle: &Path, kind: Bundle) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    fs::read(bundle)?.hash(&mut hasher);
    for folder in ["public", "style"] {
        for file in files(&root.join(folder))? {
            file.strip_prefix(root)?.hash(&mut hasher);
            fs::read(&file)?.hash(&mut hasher);
        }
    }
    root.join(WASM_OPT).exists().hash(&mut hasher);
    fs::metadata(env::current_exe()?)?.len().hash(&mut hasher);
    Ok(format!("{} {:016x}", kind.mark(), hasher.finish()))
}

/// Compiles the islands; the module, before wasm-bindgen.
fn compile(root: &Path, target: &Path, kind: Bundle) -> Result<PathBuf> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--package", "margay-client", "--lib", "--target", "wasm32-unknown-unknown"])
        .args(["--profile", kind.profile()])
        .env("CARGO_TARGET_DIR", target)
        .status()?;
    if !status.success() {
        bail!("the WebAssembly bundle did not build");
    }
    Ok(target.join("wasm32-unknown-unknown").join(kind.folder()).join("margay_client.wasm"))
}

/// Lets wasm-bindgen write the loader, and makes the module small.
fn bind(root: &Path, bundle: &Path, pkg: &Path, kind: Bundle) -> Result<()> {
    let mut output = wasm_bindgen_cli_support::Bindgen::new()
        .input_path(bundle)
        .web(true)?
        .omit_default_module_path(false)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(NAME)
        .generate_output()?;
    output.emit(pkg)?;
    // Leptos asks for `<name>.wasm` when the output name is known at compile time.
    let bound = pkg.join(format!("{NAME}_bg.wasm"));
    let wasm = pkg.join(format!("{NAME}.wasm"));
    optimise(root, &bound, &wasm, kind)?;
    fs::remove_file(bound)?;
    let loader = pkg.join(format!("{NAME}.js"));
    let text = fs::read_to_string(&loader)?.replace(&format!("{NAME}_bg.wasm"), &format!("{NAME}.wasm"));
    fs::write(loader, text)?;
    Ok(())
}

/// `wasm-opt -Oz` from the npm package binaryen, where it is installed; the plain file otherwise, and if it is quick.
fn optimise(root: &Path, from: &Path, to: &Path, kind: Bundle) -> Result<()> {
    let tool = root.join(WASM_OPT);
    if kind == Bundle::Quick || !tool.exists() {
        fs::copy(from, to)?;
        return Ok(());
    }
    let status = Command::new("node")
        .arg(tool)
        .args(["-Oz", "--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext"])
        .args(["--enable-mutable-globals", "--enable-reference-types", "--enable-multivalue"])
        .arg(from)
        .arg("-o")
        .arg(to)
        .status()?;
    if !status.success() {
        bail!("wasm-opt failed on {}", from.display());
    }
    Ok(())
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn compress(dir: &Path, kind: Bundle) -> Result<()> {
    for file in files(dir)? {
        let text = fs::read(&file)?;
        let mut name = file.into_os_string();
        name.push(".br");
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 64 * 1024, kind.brotli_quality(), 22).write_all(&text)?;
        fs::write(name, out)?;
    }
    Ok(())
}

/// Keeps the old directory, times included, when nothing differs: the server is not built anew then.
fn replace_if_changed(new: &Path, old: &Path) -> Result<()> {
    let read = |dir: &Path| -> Result<Vec<(PathBuf, Vec<u8>)>> {
        files(dir)?.into_iter().map(|file| Ok((file.strip_prefix(dir)?.to_path_buf(), fs::read(&file)?))).collect()
    };
    if old.exists() && read(new)? == read(old)? {
        fs::remove_dir_all(new)?;
        return Ok(());
    }
    if old.exists() {
        fs::remove_dir_all(old)?;
    }
    fs::rename(new, old)?;
    Ok(())
}
