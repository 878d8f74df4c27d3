//! The sandbox from outside: what it keeps, who may use it, what its doors answer.
#![cfg(test)]

mod api;
mod chaos;
mod control;
mod deliver;
mod desk;
mod every_parameter;
mod foreign;
mod kept;
mod pages;
mod sequences;
mod served;
#[path = "../shapes/check.rs"]
mod shapes;
mod shop;
mod world;
mod world_billing;
mod world_clocks;
mod world_facts;
mod world_lists;
mod world_owing;
mod world_refusals;
mod world_wire;
