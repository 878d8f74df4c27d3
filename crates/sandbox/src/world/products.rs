//! Products.

use serde_json::{Value, json};

use super::World;
use super::catalog::{amount, currency, recurring};
use super::events::merge_metadata;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::state::{difference, object, text};

impl World {
    pub(super) fn create_product(&mut self, given: &Given) -> Answer {
        let id = match given.filled("id") {
            Some(id) if self.is_taken(id) => {
                return Err(Fault::invalid(format!("Product already exists with the ID: {id}."))
                    .code("resource_already_exists")
                    .param("id"));
            }
            Some(id) => id.to_owned(),
            None => self.short_id("prod_"),
        };
        let data = match given.at("default_price_data") {
            Some(data) => {
                let data = Given(data.clone());
                let name = "default_price_data";
                let code = currency(&data, "currency", &format!("{name}[currency]"))?;
                let recurring = recurring(&data, "recurring", &format!("{name}[recurring]"))?;
                Some((
                    code,
                    recurring,
                    amount(&data, &format!("{name}[unit_amount]"))?,
                    data.metadata("metadata"),
                ))
            }
            None => None,
        };
        let mut product = self.make_product(&id, given.filled("name").unwrap_or_default());
        self.fill_product(&mut product, given)?;
        self.keep(product);
        if let Some((code, recurring, amount, metadata)) = data {
            let price = self.make_price(&id, &code, amount, recurring);
            self.set(&price, [("metadata", metadata)]);
            self.set(&id, [("default_price", json!(price))]);
            self.emit("product.created", &id);
            self.tell_price(&price);
        } else {
            self.emit("product.created", &id);
        }
        Ok(self.copy(&id))
    }

    pub(super) fn make_product(&self, id: &str, name: &str) -> Value {
        let nulls = "default_price description package_dimensions shippable statement_descriptor \
                     tax_code tax_details unit_label url";
        object(
            nulls,
            json!({
                "id": id, "object": "product", "active": true, "attributes": [], "created": self.now,
                "images": [], "livemode": false, "marketing_features": [], "metadata": {},
                "name": name, "type": "service", "updated": self.now,
            }),
        )
    }

    pub(super) fn fill_product(&self, product: &mut Value, given: &Given) -> Answer<()> {
        if let Some(name) = given.filled("name") {
            product["name"] = json!(name);
        }
        for field in ["active", "shippable"] {
            if let Some(value) = given.bool(field) {
                product[field] = json!(value);
            }
        }
        for field in ["description", "statement_descriptor", "tax_code", "unit_label", "url"] {
            if let Some(value) = given.text(field) {
                product[field] = if value.is_empty() { Value::Null } else { json!(value) };
            }
        }
        if given.filled("statement_descriptor").is_some_and(|text| text.chars().count() > 22) {
            let message = "The statement descriptor must be at most 22 characters.";
            return Err(Fault::parameter(message, "statement_descriptor"));
        }
        for (field, most) in [("images", 8), ("marketing_features", 15)] {
            if given.list(field).len() > most {
                let message = format!("Array {field} exceeded maximum {most} allowed elements.");
                return Err(Fault::parameter(message, field));
            }
        }
        if given.at("images").is_some() {
            product["images"] = json!(given.texts("images"));
        }
        if given.at("marketing_features").is_some() {
            let list = given.list("marketing_features");
            let names = list.iter().map(|feature| json!({ "name": feature.filled("name") }));
            product["marketing_features"] = names.collect();
        }
        merge_metadata(product, given);
        Ok(())
    }

    pub(super) fn update_product(&mut self, id: &str, given: &Given) -> Answer {
        let old = self.need("product", id)?;
        let mut product = old.clone();
        if let Some(price) = given.filled("default_price") {
            let found = self.find("price", price).filter(|found| text(found, "product") == id);
            if found.is_none() {
                return Err(Fault::missing(400, "price", price, "default_price"));
            }
            product["default_price"] = json!(price);
        }
        self.fill_product(&mut product, given)?;
        product["updated"] = json!(self.now);
        let previous = difference(&old, &product);
        self.replace(id, product);
        self.emit_change("product.updated", id, previous);
        Ok(self.copy(id))
    }

    pub(super) fn delete_product(&mut self, id: &str) -> Answer {
        self.need("product", id)?;
        if self.newest_with("price", "product", id).next().is_some() {
            return Err(Fault::invalid(
                "This product cannot be deleted because it has one or more user-created prices.",
            ));
        }
        self.emit("product.deleted", id);
        self.objects.remove(id);
        Ok(json!({ "id": id, "object": "product", "deleted": true }))
    }
}
