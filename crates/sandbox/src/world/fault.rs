//! What goes wrong, as Stripe says it.

use serde_json::{Map, Value, json};

use super::Refusal;

/// A refusal. Boxed where it travels, because it carries whole objects now and then.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub status: u16,
    /// The `error` object, but for what depends on the request (`request_log_url`).
    pub body: Map<String, Value>,
    /// Whether the request was refused before it began: such an answer is not kept for replays.
    pub unbegun: bool,
    /// Whether the answer tells the libraries not to try again.
    pub final_word: bool,
}

/// What every call answers.
pub(crate) type Answer<T = Value> = Result<T, Box<Fault>>;

impl Fault {
    fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("type".into(), json!(kind));
        body.insert("message".into(), json!(message.into()));
        Self { status, body, unbegun: false, final_word: true }
    }

    /// A 400 without a code.
    pub fn invalid(message: impl Into<String>) -> Box<Self> {
        Box::new(Self::new(400, "invalid_request_error", message))
    }

    /// A 400 of the parameters: nothing has begun.
    pub fn parameter(message: impl Into<String>, param: &str) -> Box<Self> {
        let mut fault = Self::invalid(message).param(param);
        fault.unbegun = true;
        fault.final_word = false;
        fault
    }

    /// An id that leads nowhere.
    pub fn missing(status: u16, thing: &str, id: &str, param: &str) -> Box<Self> {
        let mut fault =
            Self::new(status, "invalid_request_error", format!("No such {thing}: '{id}'"));
        fault.final_word = false;
        Box::new(fault).code("resource_missing").param(param)
    }

    /// Something of Stripe's that the sandbox does not do.
    pub fn unsupported(what: &str, name: &str) -> Box<Self> {
        let message = format!("The sandbox does not support the {what} `{name}` yet.");
        let mut fault = Self::invalid(message).code("specie_sandbox_unsupported");
        fault.body.remove("doc_url");
        fault.unbegun = true;
        fault.final_word = false;
        if what == "endpoint" { fault } else { fault.param(name) }
    }

    /// No or a wrong key.
    pub fn unauthorized(message: impl Into<String>) -> Box<Self> {
        let mut fault = Self::new(401, "invalid_request_error", message);
        fault.unbegun = true;
        fault.final_word = false;
        Box::new(fault)
    }

    /// A URL that Stripe does not know.
    pub fn unrecognized(method: &str, path: &str) -> Box<Self> {
        let mut fault = Self::new(
            404,
            "invalid_request_error",
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs \
                 or we can help at https://support.stripe.com/."
            ),
        );
        fault.unbegun = true;
        fault.final_word = false;
        Box::new(fault)
    }

    /// A key that was used for something else.
    pub fn idempotency(message: impl Into<String>) -> Box<Self> {
        let mut fault = Self::new(400, "idempotency_error", message);
        fault.unbegun = true;
        Box::new(fault)
    }

    /// A key of a request that is still being answered.
    pub fn in_use(key: &str) -> Box<Self> {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that \
             probably means you submitted twice, and the other request is still going through): \
             {key}. Please try again later."
        );
        let mut fault = Self::new(409, "invalid_request_error", message);
        fault.unbegun = true;
        fault.final_word = false;
        Box::new(fault).code("idempotency_key_in_use")
    }

    /// A write to what lives by a test clock that is being advanced.
    pub fn advancing(clock: &str) -> Box<Self> {
        let message =
            format!("Test clock advancement underway - cannot perform modifications: {clock}");
        let mut fault = Self::new(429, "invalid_request_error", message);
        fault.unbegun = true;
        fault.final_word = false;
        Box::new(fault)
    }

    /// What was decided before the world was asked.
    pub fn of(refusal: &Refusal) -> Box<Self> {
        let Refusal { status, error } = refusal.clone();
        Box::new(Self { status, body: error, unbegun: true, final_word: status == 402 })
    }

    /// What was decided before the world was asked, as if it had begun.
    pub fn begun(refusal: &Refusal) -> Box<Self> {
        let mut fault = Self::of(refusal);
        fault.unbegun = false;
        fault
    }

    /// More metadata than an object holds.
    pub fn too_much_metadata(name: &str) -> Box<Self> {
        Self::parameter("You can have at most 50 metadata keys.", name)
    }

    /// A text that is too long.
    pub fn too_long(name: &str, most: usize) -> Box<Self> {
        let message = format!("Invalid string: {name} must be at most {most} characters");
        Self::parameter(message, name)
    }

    /// A card that was refused.
    pub fn card(body: Map<String, Value>) -> Box<Self> {
        Box::new(Self { status: 402, body, unbegun: false, final_word: true })
    }

    /// With a code, and the address that explains it.
    pub fn code(mut self: Box<Self>, code: &str) -> Box<Self> {
        self.body.insert("code".into(), json!(code));
        self.body.insert("doc_url".into(), json!(doc_url(code)));
        self
    }

    /// With the name of the parameter.
    pub fn param(mut self: Box<Self>, param: &str) -> Box<Self> {
        self.body.insert("param".into(), json!(param));
        self
    }

    /// What it says.
    pub fn message(&self) -> String {
        self.body.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Its code, or the code of the decline.
    pub fn finest_code(&self) -> String {
        let get = |key| self.body.get(key).and_then(Value::as_str);
        get("decline_code").or(get("code")).unwrap_or("invalid_request").to_owned()
    }
}

/// Where Stripe explains a code.
pub(crate) fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}
