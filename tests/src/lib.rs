//! Whole-system tests, fault tests and the load generator.
