//! The sandbox from outside: what it keeps, who may use it, what its doors answer.
#![cfg(test)]

mod api;
mod control;
mod deliver;
mod desk;
mod foreign;
mod kept;
mod pages;
mod served;
mod shop;
mod world;
mod world_billing;
mod world_shapes;
mod world_wire;
