//! Technologies by kind, how people write them, and what manifests call them.

/// What kind of technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Group {
    Database,
    Cache,
    Broker,
    JsMapper,
    PyMapper,
    RustMapper,
    JsServer,
    PyServer,
    RustServer,
    Frontend,
    JsTests,
    JsPackages,
    PyPackages,
    Language,
    Platform,
}

impl Group {
    /// Whether a project has one of them as a rule, so that another one contradicts it.
    pub(crate) fn is_exclusive(self) -> bool {
        matches!(
            self,
            Self::Database
                | Self::JsMapper
                | Self::PyMapper
                | Self::RustMapper
                | Self::JsServer
                | Self::PyServer
                | Self::RustServer
                | Self::Frontend
                | Self::JsTests
        )
    }

    /// Words of a label or a heading before it: `Database: PostgreSQL`.
    pub(crate) fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Database => {
                &["database", "databases", "db", "datastore", "storage", "persistence"]
            }
            Self::Cache => &["cache", "caching"],
            Self::Broker => &["queue", "queues", "broker", "messaging"],
            Self::JsMapper | Self::PyMapper | Self::RustMapper => &["orm", "database", "data"],
            Self::JsServer | Self::PyServer | Self::RustServer => {
                &["framework", "backend", "server", "api", "web"]
            }
            Self::Frontend => &["frontend", "front-end", "ui", "client", "framework"],
            Self::JsTests => &["test", "tests", "testing", "runner"],
            Self::JsPackages | Self::PyPackages => &["package", "packages", "manager"],
            Self::Language => &["language", "languages", "runtime"],
            Self::Platform => &["platform", "infrastructure", "deployment"],
        }
    }

    /// Words right behind it that say that it is used: `a MongoDB collection`.
    pub(crate) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Database => &[
                "database",
                "databases",
                "db",
                "collection",
                "collections",
                "instance",
                "cluster",
                "schema",
                "table",
                "tables",
            ],
            Self::Cache | Self::Broker => &["instance", "cluster", "cache", "queue", "topic"],
            Self::JsMapper | Self::PyMapper | Self::RustMapper => {
                &["orm", "schema", "models", "client", "migrations"]
            }
            Self::JsServer | Self::PyServer | Self::RustServer => &[
                "server",
                "app",
                "application",
                "backend",
                "router",
                "routes",
                "middleware",
                "handlers",
            ],
            Self::Frontend => &["component", "components", "app", "application", "frontend"],
            Self::JsTests => &["test", "tests", "suite", "runner"],
            Self::JsPackages | Self::PyPackages => &["install", "run", "ci", "add"],
            Self::Language => &["code", "service", "module"],
            Self::Platform => &["cluster", "container", "containers", "image"],
        }
    }
}

/// A technology.
#[derive(Debug)]
pub(crate) struct Technology {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    /// How it is written, in any case.
    pub(crate) sure: &'static [&'static str],
    /// How it is written where the word means other things as well: in this case alone.
    pub(crate) unsure: &'static [&'static str],
    /// What manifests call it, or a part of it that nobody has without it.
    pub(crate) packages: &'static [&'static str],
}

const fn of(
    name: &'static str,
    group: Group,
    sure: &'static [&'static str],
    unsure: &'static [&'static str],
    packages: &'static [&'static str],
) -> Technology {
    Technology { name, group, sure, unsure, packages }
}

/// All that are known.
pub(crate) static ALL: &[Technology] = &[
    of(
        "PostgreSQL",
        Group::Database,
        &["postgresql", "postgres"],
        &[],
        &[
            "pg",
            "postgres",
            "pg-promise",
            "slonik",
            "@neondatabase/serverless",
            "@vercel/postgres",
            "@supabase/supabase-js",
            "psycopg",
            "psycopg2",
            "psycopg2-binary",
            "asyncpg",
            "tokio-postgres",
            "postgresql",
            "org.postgresql",
            "npgsql",
            "github.com/lib/pq",
            "github.com/jackc/pgx",
            "gorm.io/driver/postgres",
            "supabase",
        ],
    ),
    of(
        "MySQL",
        Group::Database,
        &["mysql"],
        &[],
        &[
            "mysql",
            "mysql2",
            "mysqlclient",
            "pymysql",
            "aiomysql",
            "mysql-connector-python",
            "mysql_async",
            "gorm.io/driver/mysql",
            "github.com/go-sql-driver/mysql",
        ],
    ),
    of("MariaDB", Group::Database, &["mariadb"], &[], &["mariadb"]),
    of(
        "SQLite",
        Group::Database,
        &["sqlite", "sqlite3"],
        &[],
        &[
            "sqlite",
            "sqlite3",
            "better-sqlite3",
            "rusqlite",
            "aiosqlite",
            "libsqlite3-sys",
            "gorm.io/driver/sqlite",
            "github.com/mattn/go-sqlite3",
            "@libsql/client",
        ],
    ),
    of(
        "MongoDB",
        Group::Database,
        &["mongodb"],
        &["Mongo"],
        &[
            "mongodb",
            "mongoose",
            "pymongo",
            "motor",
            "mongoengine",
            "beanie",
            "mongoid",
            "djongo",
            "go.mongodb.org/mongo-driver",
            "typegoose",
            "@typegoose/typegoose",
        ],
    ),
    of(
        "DynamoDB",
        Group::Database,
        &["dynamodb"],
        &[],
        &[
            "@aws-sdk/client-dynamodb",
            "@aws-sdk/lib-dynamodb",
            "dynamoose",
            "aws-sdk-dynamodb",
            "pynamodb",
            "aws-sdk",
            "boto3",
            "@aws-amplify/backend",
            "aws-cdk-lib",
            "electrodb",
        ],
    ),
    of(
        "Firestore",
        Group::Database,
        &["firestore"],
        &[],
        &["firebase", "firebase-admin", "google-cloud-firestore", "@google-cloud/firestore"],
    ),
    of("Cassandra", Group::Database, &["cassandra"], &[], &["cassandra-driver", "scylla"]),
    of("CouchDB", Group::Database, &["couchdb"], &[], &["nano", "pouchdb", "couchdb"]),
    of(
        "SQL Server",
        Group::Database,
        &["sql server", "mssql"],
        &[],
        &["mssql", "tedious", "mssql-django", "pyodbc", "tiberius"],
    ),
    of("Redis", Group::Cache, &["redis"], &[], &["redis", "ioredis", "bullmq", "bull"]),
    of("Memcached", Group::Cache, &["memcached"], &[], &["memcached", "pymemcache"]),
    of("Kafka", Group::Broker, &["kafka"], &[], &["kafkajs", "rdkafka", "confluent-kafka"]),
    of("RabbitMQ", Group::Broker, &["rabbitmq"], &[], &["amqplib", "pika", "lapin"]),
    of("Prisma", Group::JsMapper, &["prisma"], &[], &["prisma", "@prisma/client"]),
    of("Drizzle", Group::JsMapper, &["drizzle orm", "drizzle-orm"], &["Drizzle"], &["drizzle-orm"]),
    of("TypeORM", Group::JsMapper, &["typeorm"], &[], &["typeorm"]),
    of("Sequelize", Group::JsMapper, &["sequelize"], &[], &["sequelize", "sequelize-typescript"]),
    of("Mongoose", Group::JsMapper, &["mongoose"], &[], &["mongoose"]),
    of("MikroORM", Group::JsMapper, &["mikroorm", "mikro-orm"], &[], &["@mikro-orm/core"]),
    of("SQLAlchemy", Group::PyMapper, &["sqlalchemy"], &[], &["sqlalchemy", "sqlmodel"]),
    of("Tortoise ORM", Group::PyMapper, &["tortoise orm"], &[], &["tortoise-orm"]),
    of("Peewee", Group::PyMapper, &["peewee"], &[], &["peewee"]),
    of("SQLx", Group::RustMapper, &["sqlx"], &[], &["sqlx"]),
    of("Diesel", Group::RustMapper, &[], &["Diesel"], &["diesel"]),
    of("SeaORM", Group::RustMapper, &["seaorm", "sea-orm"], &[], &["sea-orm"]),
    of("Express", Group::JsServer, &["express.js", "expressjs"], &["Express"], &["express"]),
    of("Fastify", Group::JsServer, &["fastify"], &[], &["fastify"]),
    of("NestJS", Group::JsServer, &["nestjs", "nest.js"], &[], &["@nestjs/core"]),
    of("Koa", Group::JsServer, &["koa.js", "koajs"], &["Koa"], &["koa"]),
    of("Hono", Group::JsServer, &[], &["Hono"], &["hono"]),
    of("Django", Group::PyServer, &["django"], &[], &["django"]),
    of("Flask", Group::PyServer, &[], &["Flask"], &["flask"]),
    of("FastAPI", Group::PyServer, &["fastapi"], &[], &["fastapi"]),
    of("axum", Group::RustServer, &["axum"], &[], &["axum"]),
    of("Actix", Group::RustServer, &["actix", "actix-web", "actix web"], &[], &["actix-web"]),
    of("Rocket", Group::RustServer, &[], &["Rocket"], &["rocket"]),
    of("React", Group::Frontend, &["react.js", "reactjs"], &["React"], &["react", "preact"]),
    of("Vue", Group::Frontend, &["vue.js", "vuejs"], &["Vue"], &["vue", "nuxt"]),
    of("Angular", Group::Frontend, &[], &["Angular"], &["@angular/core"]),
    of("Svelte", Group::Frontend, &["sveltekit"], &["Svelte"], &["svelte"]),
    of("Jest", Group::JsTests, &[], &["Jest"], &["jest", "ts-jest", "@jest/globals"]),
    of("Vitest", Group::JsTests, &["vitest"], &[], &["vitest"]),
    of("Mocha", Group::JsTests, &[], &["Mocha"], &["mocha"]),
    of("npm", Group::JsPackages, &["npm"], &[], &[]),
    of("Yarn", Group::JsPackages, &["yarn"], &[], &[]),
    of("pnpm", Group::JsPackages, &["pnpm"], &[], &[]),
    of("pip", Group::PyPackages, &["pip"], &[], &[]),
    of("Poetry", Group::PyPackages, &[], &["Poetry"], &[]),
    of("TypeScript", Group::Language, &["typescript"], &[], &["typescript"]),
    of("JavaScript", Group::Language, &["javascript"], &[], &[]),
    of("Python", Group::Language, &["python"], &[], &[]),
    of("PHP", Group::Language, &["php"], &[], &[]),
    of("Kotlin", Group::Language, &["kotlin"], &[], &[]),
    of("Docker", Group::Platform, &["docker"], &[], &[]),
    of("Kubernetes", Group::Platform, &["kubernetes"], &[], &[]),
];
