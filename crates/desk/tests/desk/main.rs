//! The desk over the whole kernel path, on a store in memory: what it promises to authors of screens, and to people who add files.

mod files;
mod screens;
mod world;
