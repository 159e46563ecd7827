//! Just enough HTML to use a form.

/// A page.
#[derive(Clone, Debug)]
pub(crate) struct Html(pub(crate) String);

/// The attributes of one start tag.
#[derive(Clone, Debug)]
pub(crate) struct Tag(String);

impl Html {
    /// All start tags of this name.
    pub(crate) fn tags(&self, name: &str) -> Vec<Tag> {
        let open = format!("<{name}");
        self.0
            .match_indices(&open)
            .filter(|(at, _)| self.0[at + open.len()..].starts_with([' ', '>', '/']))
            .map(|(at, _)| {
                let rest = &self.0[at..];
                Tag(rest[..rest.find('>').unwrap_or(rest.len())].to_owned())
            })
            .collect()
    }

    /// The value of the input of this name.
    pub(crate) fn input(&self, name: &str) -> String {
        self.tags("input")
            .into_iter()
            .find(|tag| tag.attribute("name").as_deref() == Some(name))
            .and_then(|tag| tag.attribute("value"))
            .unwrap_or_else(|| panic!("no input {name} in {}", self.0))
    }

    /// The values of all inputs of this name; `checked` only, if they are checkboxes.
    pub(crate) fn inputs(&self, name: &str) -> Vec<String> {
        self.tags("input")
            .into_iter()
            .filter(|tag| tag.attribute("name").as_deref() == Some(name))
            .filter(|tag| tag.attribute("type").as_deref() != Some("checkbox") || tag.has("checked"))
            .filter_map(|tag| tag.attribute("value"))
            .collect()
    }

    /// The heading.
    pub(crate) fn heading(&self) -> String {
        let start = self.0.find("<h1").unwrap_or_else(|| panic!("no heading in {}", self.0));
        let rest = &self.0[start..];
        let rest = &rest[rest.find('>').map_or(0, |at| at + 1)..];
        strip_tags(&rest[..rest.find("</h1").unwrap_or(0)]).trim().to_owned()
    }

    /// The text, without tags.
    pub(crate) fn text(&self) -> String {
        unescape(&strip_tags(&self.0))
    }
}

impl Tag {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let start = self.0.find(&format!(" {name}=\""))? + name.len() + 3;
        let rest = &self.0[start..];
        Some(unescape(&rest[..rest.find('"')?]))
    }

    /// Whether it has an attribute.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.split([' ', '/']).any(|word| word == name || word.starts_with(&format!("{name}=")))
    }
}

fn strip_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&")
}
