//! The engine behind the kernel, on a store in memory: what is promised to callers.

mod browse;
mod derived;
mod events;
mod hidden;
mod hostile;
mod kpis;
mod leaving;
mod lend;
mod lineage;
mod metrics;
mod postgres;
mod quality;
mod queries;
mod relations;
mod renewal;
mod rights;
mod running;
mod streams;
mod support;
mod tables;
mod views;
