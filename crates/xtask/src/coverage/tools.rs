//! LLVM's own `llvm-profdata` and `llvm-cov`, of the version that the compiler was built with: from
//! the toolchain, from the system, or unpacked below `target/tools` from Debian's packages.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail, ensure};

/// The two programs.
pub struct Tools {
    /// The folder that they lie in.
    bin: PathBuf,
    /// Where the library lies that they are linked to; none, if the system knows.
    library: Option<PathBuf>,
}

impl Tools {
    /// Finds the programs, or puts them below `folder`.
    pub fn find(folder: &Path) -> anyhow::Result<Self> {
        let said = output(Command::new("rustc").arg("-vV"))?;
        let said = String::from_utf8(said.stdout)?;
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ").context("`rustc -vV` names no host")?;
        let version = field("LLVM version: ").context("`rustc -vV` names no version of LLVM")?;
        let major = version.split('.').next().unwrap_or(version);

        let root = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let root = PathBuf::from(String::from_utf8(root.stdout)?.trim());
        let system = PathBuf::from(format!("/usr/lib/llvm-{major}/bin"));
        for bin in [root.join(format!("lib/rustlib/{host}/bin")), system] {
            if bin.join("llvm-cov").is_file() && bin.join("llvm-profdata").is_file() {
                return Ok(Self { bin, library: None });
            }
        }
        let unpacked = folder.join(format!("llvm-{major}"));
        if !unpacked.is_dir() {
            unpack(major, folder, &unpacked).with_context(|| {
                format!(
                    "there is no llvm-cov of LLVM {major}, and Debian's cannot be unpacked\n\n\
                     hint: rustup component add llvm-tools, or apt-get install llvm-{major}"
                )
            })?;
        }
        let bin = unpacked.join(format!("usr/lib/llvm-{major}/bin"));
        Ok(Self { bin, library: Some(library(&unpacked.join("usr/lib"))?) })
    }

    /// Which lines of `binaries` were run, in the format of lcov.
    pub fn report(&self, profiles: &Path, binaries: &[PathBuf]) -> anyhow::Result<String> {
        let merged = profiles.join("all.profdata");
        let mut raw = Vec::new();
        for file in fs::read_dir(profiles)? {
            let path = file?.path();
            if path.extension().is_some_and(|it| it == "profraw") {
                raw.push(path);
            }
        }
        output(
            self.command("llvm-profdata")
                .args(["merge", "-sparse"])
                .args(&raw)
                .args(["-o".into(), OsString::from(&merged)]),
        )?;
        let mut command = self.command("llvm-cov");
        command.args(["export", "--format=lcov", "--skip-functions"]);
        command.arg("--ignore-filename-regex=/(registry|rustc|target)/");
        command.arg("--instr-profile").arg(&merged);
        for binary in binaries {
            command.arg("--object").arg(binary);
        }
        Ok(String::from_utf8(output(&mut command)?.stdout)?)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.envs(self.library.as_ref().map(|it| ("LD_LIBRARY_PATH", it)));
        command
    }
}

/// Debian's packages, taken apart: nothing is installed, and no rights are needed.
fn unpack(major: &str, folder: &Path, unpacked: &Path) -> anyhow::Result<()> {
    let packages = tempfile::Builder::new().prefix("llvm").tempdir_in(made(folder)?)?;
    let names = [format!("llvm-{major}"), format!("libllvm{major}")];
    eprintln!("unpacking {} below {}", names.join(", "), unpacked.display());
    output(Command::new("apt-get").arg("download").args(&names).current_dir(packages.path()))?;
    let whole = packages.path().join("unpacked");
    for file in fs::read_dir(packages.path())? {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "deb") {
            output(Command::new("dpkg").arg("-x").arg(path).arg(&whole))?;
        }
    }
    Ok(fs::rename(whole, unpacked)?)
}

fn made(folder: &Path) -> anyhow::Result<&Path> {
    fs::create_dir_all(folder)?;
    Ok(folder)
}

/// The folder of `libLLVM`, which lies in one named for the machine.
fn library(lib: &Path) -> anyhow::Result<PathBuf> {
    for folder in fs::read_dir(lib)? {
        let path = folder?.path();
        if !path.is_dir() {
            continue;
        }
        for file in fs::read_dir(&path)? {
            if file?.file_name().to_string_lossy().starts_with("libLLVM") {
                return Ok(path);
            }
        }
    }
    bail!("there is no libLLVM below {}", lib.display())
}

fn output(command: &mut Command) -> anyhow::Result<Output> {
    let out = command.output().with_context(|| format!("{:?}", command.get_program()))?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{:?} failed: {said}", command.get_program());
    Ok(out)
}
