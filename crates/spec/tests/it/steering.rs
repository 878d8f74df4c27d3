//! What steering asks for, against specs and manifests.

use specie_spec::check::Input;
use specie_spec::steering::{Manifest, Steering};
use specie_spec::{Diagnostic, Document, detect, read};

struct File<'a> {
    path: &'a str,
    text: &'a str,
    document: Document,
}

fn file<'a>(path: &'a str, text: &'a str) -> File<'a> {
    let (dialect, kind) = detect(path, text.as_bytes());
    File { path, text, document: read(text.as_bytes(), dialect, kind) }
}

fn inputs<'a>(files: &'a [File<'a>]) -> Vec<Input<'a>> {
    let of = |it: &'a File<'a>| Input {
        path: it.path,
        bytes: it.text.as_bytes(),
        document: &it.document,
    };
    files.iter().map(of).collect()
}

fn shown(files: &[File<'_>], found: &[Diagnostic]) -> Vec<String> {
    let of = |it: &Diagnostic| {
        let text =
            files.iter().find(|file| file.path == it.path).expect("a file that was given").text;
        let before = &text[..it.span.start];
        let column = before.chars().count()
            - before.rfind('\n').map_or(0, |at| before[..=at].chars().count());
        assert_eq!(it.column, column + 1, "{it:?}");
        format!("{}:{} [{}] {}", it.path, it.line, &text[it.span.clone()], it.message)
    };
    found.iter().map(of).collect()
}

fn against(steering: &str, spec: &str) -> Vec<String> {
    let around = [file(".kiro/steering/tech.md", steering)];
    let spec = [file(".kiro/specs/a/design.md", spec)];
    shown(&spec, &Steering::of(&inputs(&around)).against(&inputs(&spec)))
}

const NONE: [&str; 0] = [];

#[test]
fn a_spec_uses_nothing_that_steering_forbids() {
    let steering = "# Tech\n\n- Never use MongoDB.\n- **ORM**: Prisma\n\n## Do not use\n- Jest\n";
    let spec = "# Design\n\nUsers are stored in MongoDB, in a MongoDB collection.\n\nTests: Jest\n";
    assert_eq!(
        against(steering, spec),
        [
            "a/design.md".replace("a/", ".kiro/specs/a/")
                + ":3 [MongoDB] the spec uses MongoDB, which steering forbids (`.kiro/steering/tech.md`, line 3)",
            ".kiro/specs/a/design.md:5 [Jest] the spec uses Jest, which steering forbids (`.kiro/steering/tech.md`, line 7)".into(),
        ]
    );
    let both = format!("{steering}\n## Now\nUse MongoDB.\n");
    assert_eq!(against(&both, "Use MongoDB."), NONE, "steering contradicts itself");
    assert_eq!(against(steering, "Use MongoDB for tests.").len(), 1, "a ban is a ban");
    for spec in [
        "Data is imported from MongoDB.",
        "We do not use MongoDB.",
        "```js\nuse MongoDB\n```",
        "## Non-Goals\n- Store users in MongoDB",
        "## Alternatives Considered\nUse MongoDB.",
        "Use Prisma.",
    ] {
        assert_eq!(against(steering, spec), NONE, "{spec}");
    }
}

#[test]
fn a_spec_uses_no_other_technology_of_a_kind() {
    let steering = "- **PostgreSQL** - the database\n- Redis for sessions\n";
    assert_eq!(
        against(steering, "Users are stored in MongoDB."),
        [
            ".kiro/specs/a/design.md:1 [MongoDB] the spec uses MongoDB, and steering says PostgreSQL (`.kiro/steering/tech.md`, line 1)"
        ]
    );
    assert_eq!(against(steering, "Use PostgreSQL and Memcached."), NONE, "caches are no databases");
    assert_eq!(against(steering, "Use SQLite in memory for tests."), NONE);
    let both = format!("{steering}- MongoDB is read by the old service\n");
    assert_eq!(against(&both, "Users are stored in MongoDB."), NONE, "steering knows of it");
    let in_code = format!("{steering}\n```sh\ndocker run mongodb\n```\n");
    assert_eq!(against(&in_code, "Users are stored in MongoDB."), NONE, "steering knows of it");
    assert_eq!(against("Use SQLite for tests.", "Users are stored in MongoDB."), NONE);
    let sometimes = format!("---\ninclusion: manual\n---\n{steering}");
    assert_eq!(against(&sometimes, "Users are stored in MongoDB."), NONE);
    let always = format!("---\ninclusion: always\n---\n{steering}");
    assert_eq!(against(&always, "Users are stored in MongoDB.").len(), 1);
    assert_eq!(against("Use Jest.", "Use pytest and Vitest.").len(), 1);
    assert_eq!(against("Use Express.js.", "Use FastAPI."), NONE, "another language");
}

fn stale(steering: &str, manifests: &[(&str, &str)]) -> Vec<String> {
    let around = [file("AGENTS.md", steering)];
    let manifests: Vec<_> = manifests.iter().map(|(path, text)| Manifest { path, text }).collect();
    let found = Steering::of(&inputs(&around)).stale(&inputs(&around), &manifests);
    shown(&around, &found)
}

#[test]
fn steering_that_the_manifests_contradict_is_stale() {
    let mongo = "- **Database**: MongoDB\n";
    let package = r#"{"dependencies": {"pg": "^8", "fastify": "5"}}"#;
    let said = "AGENTS.md:1 [MongoDB] steering says MongoDB, and `package.json` has `pg` (PostgreSQL) and nothing of MongoDB";
    assert_eq!(stale(mongo, &[("package.json", package)]), [said]);
    let both = [
        ("package.json", package),
        ("api/package.json", r#"{"devDependencies":{"mongoose":"1"}}"#),
    ];
    assert_eq!(stale(mongo, &both), NONE, "it is there, elsewhere");
    assert_eq!(stale(mongo, &[]), NONE, "no manifest, no contradiction");
    assert_eq!(
        stale(mongo, &[("package.json", r#"{"dependencies":{"better-sqlite3":"1"}}"#)]),
        NONE
    );
    assert_eq!(stale("Not MongoDB.", &[("package.json", package)]), NONE);
    assert_eq!(stale("- MongoDB and PostgreSQL databases", &[("package.json", package)]), NONE);
    let prisma = r#"{"dependencies": {"pg": "^8", "@prisma/client": "5"}}"#;
    assert_eq!(stale(mongo, &[("package.json", prisma)]), NONE, "Prisma hides its database");
}

#[test]
fn manifests_of_many_languages_are_read() {
    let mongo = "Use MongoDB.";
    for (path, text) in [
        ("Cargo.toml", "[dependencies]\nsqlx = { version = \"0.9\", features = [\"postgres\"] }\n"),
        ("Cargo.toml", "[workspace.dependencies.tokio-postgres]\nversion = \"1\"\n"),
        ("requirements.txt", "# comment\npsycopg2-binary==2.9\n"),
        ("pyproject.toml", "[project]\ndependencies = [\n  \"asyncpg>=0.29\",\n]\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\nasyncpg = \"^1\"\n"),
        ("go.mod", "require (\n\tgithub.com/jackc/pgx/v5 v5.5.0\n)\n"),
        ("Gemfile", "gem \"pg\", \"~> 1.5\"\n"),
        ("composer.json", r#"{"require": {"mysql": "1"}}"#),
    ] {
        assert_eq!(stale(mongo, &[(path, text)]).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("Cargo.toml", "[package]\nname = \"postgres\"\n"),
        ("package.json", "{broken"),
        ("package.json", r#"{"description": "pg", "dependencies": {"mongodb": "6"}}"#),
        ("requirements.txt", "# psycopg2\n"),
        ("go.mod", "require go.mongodb.org/mongo-driver v1\nrequire github.com/lib/pq v1\n"),
        ("other.txt", "pg"),
    ] {
        assert_eq!(stale(mongo, &[(path, text)]), NONE, "{path}: {text}");
    }
}
