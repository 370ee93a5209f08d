//! `tenants`: which tenants a plug-in is for. `*` stands for any run of characters and `?` for one; letters have no case.

use toml::Value;

/// Patterns; none at all means every tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants(Option<Vec<String>>);

impl Tenants {
    /// Whether the plug-in is for this tenant.
    #[must_use]
    pub fn include(&self, tenant: &str) -> bool {
        let Some(patterns) = &self.0 else { return true };
        let tenant: Vec<char> = tenant.to_lowercase().chars().collect();
        patterns.iter().any(|pattern| fits(&pattern.chars().collect::<Vec<_>>(), &tenant))
    }

    /// The patterns, as far as there are any.
    #[must_use]
    pub fn patterns(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

/// Goes back to the last `*` where something does not fit; time is at most the product of both lengths.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&rest| rest == '*')
}

pub(super) fn parse(value: &Value) -> Result<Tenants, String> {
    let form =
        || format!("`tenants` must be a list of tenants or patterns such as [\"Cust10195\", \"Test*\"], not {value}");
    let list = value.as_array().ok_or_else(form)?;
    if list.is_empty() {
        return Err(
            "`tenants` is empty, so the plug-in would be for nobody; take the line out for all tenants, or take the \
                    plug-in out of the folder"
                .into(),
        );
    }
    let patterns = list
        .iter()
        .map(|one| one.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase).ok_or_else(form))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tenants(Some(patterns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_people_mean_them() {
        let tenants = parse(&Value::from(vec!["Cust1", "test*", "a*b?c"])).unwrap();
        for yes in ["Cust1", "CUST1", "test", "Test9", "abxc", "a-b-bxc"] {
            assert!(tenants.include(yes), "{yes}");
        }
        for no in ["Cust10", "xtest", "abc", "", "a*b?"] {
            assert!(!tenants.include(no), "{no}");
        }
        assert!(Tenants::default().include("anything"));
        let many = Tenants(Some(vec!["*a*a*a*a*a*a*a*a*a*a*b".into()]));
        assert!(!many.include(&"a".repeat(128)), "and it does not take for ever");
        assert!(parse(&Value::from(Vec::<String>::new())).is_err());
        assert!(parse(&Value::from("Cust1")).is_err());
    }
}
