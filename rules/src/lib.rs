//! Sigma rules over events: parsing, evaluation, correlation, rule tests, and the rules we ship.
