//! The sandbox from outside: what it keeps, who may use it, what its doors answer.
#![cfg(test)]

mod api;
mod control;
mod desk;
mod foreign;
mod kept;
