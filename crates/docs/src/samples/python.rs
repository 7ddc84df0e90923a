//! Samples for Python with the library `requests`.

use super::{Literals, Request, json_string};

const LITERALS: Literals = Literals { null: "None", yes: "True", no: "False", string: json_string };

pub(super) fn render(request: &Request) -> String {
    let body = request.body.as_ref().map(|body| format!("    json={},\n", LITERALS.render(body, 1)));
    format!(
        "import os\n\
         import requests\n\
         \n\
         response = requests.{}(\n\
         \x20   {},\n\
         \x20   headers={{\"X-API-Key\": os.environ[\"REEF_API_KEY\"]}},\n\
         {}\x20   timeout=60,\n\
         )\n\
         print(response.status_code, response.json())",
        request.method.to_ascii_lowercase(),
        json_string(&request.url),
        body.unwrap_or_default(),
    )
}
