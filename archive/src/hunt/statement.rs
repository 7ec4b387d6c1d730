//! What somebody wrote as SQL becomes what may be run: one question that only reads, with names of
//! fields as names of columns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, Statement, TableFactor, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::function::Test;
use super::{Error, schema};

/// Longest question, in bytes.
pub const BYTES_MAX: usize = 64 * 1024;
/// How deep brackets and subqueries may be inside each other.
const DEPTH_MAX: usize = 48;
/// Table functions that read nothing.
const HARMLESS: [&str; 3] = ["generate_series", "range", "unnest"];

/// Tables a question may name, and what columns they have.
#[derive(Debug, Default)]
pub struct Known {
    /// By table, columns with their types.
    pub tables: BTreeMap<String, BTreeMap<String, Arrow>>,
}

/// A question that may be run.
#[derive(Debug)]
pub struct Prepared {
    /// What it asks.
    pub statement: Statement,
    /// Names that are no column of a known table: they are looked for among the rare fields.
    pub rare: BTreeSet<String>,
}

/// Reads a question.
///
/// # Errors
/// [`Error::Question`] says what it is not understood for, where that is known with the place.
pub fn read(sql: &str, known: &Known) -> Result<Prepared, Error> {
    if sql.len() > BYTES_MAX {
        return Err(Error::question(format!("the question is longer than {BYTES_MAX} bytes")));
    }
    let parser = Parser::new(&GenericDialect {}).with_recursion_limit(DEPTH_MAX);
    let statements = parser.try_with_sql(sql).and_then(|mut parser| parser.parse_statements());
    let mut statements = statements.map_err(|error| syntax(sql, &error))?;
    let statement = match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (None, _) => return Err(Error::question("there is no question: write SELECT …")),
        _ => return Err(Error::question("one question at a time: remove what is after the ;")),
    };
    only_reads(&statement)?;
    let mut names = Names::default();
    let _ = statement.visit(&mut names);
    let mut statement = statement;
    let mut rewriter = Rewriter { known, names, rare: BTreeSet::new(), refused: None };
    let _ = VisitMut::visit(&mut statement, &mut rewriter);
    match rewriter.refused {
        Some(why) => Err(Error::question(why)),
        None => Ok(Prepared { statement, rare: rewriter.rare }),
    }
}

fn only_reads(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Query(_)
        | Statement::ShowColumns { .. }
        | Statement::ShowTables { .. }
        | Statement::ExplainTable { .. } => Ok(()),
        Statement::Explain { statement, .. } if matches!(**statement, Statement::Query(_)) => {
            Ok(())
        }
        _ => Err(Error::question(
            "hunts only read: write SELECT …, WITH … SELECT, or EXPLAIN SELECT …",
        )),
    }
}

/// The parser says where it stopped as line and column; people are told which character.
fn syntax(sql: &str, error: &ParserError) -> Error {
    let what = match error {
        ParserError::TokenizerError(what) | ParserError::ParserError(what) => what.clone(),
        ParserError::RecursionLimitExceeded => {
            return Error::question(format!(
                "brackets are more than {DEPTH_MAX} deep: write the question flatter"
            ));
        }
    };
    let (what, place) = match what.rsplit_once(" at Line: ") {
        Some((what, place)) => (what.to_owned(), Some(place.to_owned())),
        None => (what, None),
    };
    let position = place.and_then(|place| {
        let (line, column) = place.split_once(", Column: ")?;
        let (line, column): (usize, usize) = (line.parse().ok()?, column.trim().parse().ok()?);
        let before = sql.split('\n').take(line.checked_sub(1)?);
        let before: usize = before.map(|line| line.chars().count() + 1).sum();
        Some(before + column.saturating_sub(1))
    });
    Error::Question { what: format!("not understood: {what}"), position }
}

/// Names a question gives by itself.
#[derive(Debug, Default)]
struct Names {
    /// Tables, their aliases, names of WITH.
    qualifiers: BTreeSet<String>,
    /// Of WITH only.
    ctes: BTreeSet<String>,
    /// Of columns.
    aliases: BTreeSet<String>,
    has_events: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.insert(cte.alias.name.value.clone());
            self.qualifiers.insert(cte.alias.name.value.clone());
            self.aliases.extend(cte.alias.columns.iter().map(|column| column.name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.aliases.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let alias = match factor {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => alias.as_ref(),
            _ => None,
        };
        if let Some(alias) = alias {
            self.qualifiers.insert(alias.name.value.clone());
            self.aliases.extend(alias.columns.iter().map(|column| column.name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let Some(name) = single(relation) {
            self.has_events |= name.eq_ignore_ascii_case("events");
            self.qualifiers.insert(name.to_owned());
        }
        ControlFlow::Continue(())
    }
}

fn single(relation: &ObjectName) -> Option<&str> {
    match relation.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Some(&name.value),
        _ => None,
    }
}

struct Rewriter<'a> {
    known: &'a Known,
    names: Names,
    rare: BTreeSet<String>,
    refused: Option<String>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        let name = single(relation).map(str::to_owned);
        let is_harmless = |name: &str| HARMLESS.contains(&name.to_lowercase().as_str());
        match name {
            Some(name) if self.names.ctes.contains(&name) || is_harmless(&name) => {}
            Some(name) if self.known.tables.contains_key(&name.to_lowercase()) => {
                *relation = ObjectName::from(vec![quoted(&name.to_lowercase())]);
            }
            _ => {
                let tables: Vec<&str> = self.known.tables.keys().map(String::as_str).collect();
                let why = format!("there is no table {relation}; there are {}", tables.join(", "));
                self.refused.get_or_insert(why);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => *name = self.column(&name.value),
            Expr::CompoundIdentifier(parts) => *expr = self.compound(parts),
            Expr::Function(function) => {
                if let Some(column) = self.function(function) {
                    *expr = Expr::Identifier(column);
                }
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                self.as_number(left, right);
                self.as_number(right, left);
            }
            Expr::Between { expr, low, high, .. } => {
                self.as_number(expr, low);
                self.as_number(expr, high);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter<'_> {
    /// The column of this name: as written, else whatever its case, else a rare field.
    fn column(&mut self, name: &str) -> Ident {
        if self.names.aliases.contains(name) {
            return quoted(name);
        }
        let (tables, used) = (&self.known.tables, &self.names.qualifiers);
        let is_used = |table: &str| used.iter().any(|name| name.eq_ignore_ascii_case(table));
        let tables = tables.iter().filter(|(table, _)| is_used(table));
        let all = || tables.clone().flat_map(|(_, columns)| columns.keys());
        if all().any(|column| column == name) {
            return quoted(name);
        }
        if let Some(column) = all().find(|column| column.eq_ignore_ascii_case(name)) {
            return quoted(column);
        }
        if self.names.has_events {
            self.rare.insert(name.to_owned());
        }
        quoted(name)
    }

    /// `e.source.ip` is the field `source.ip` of `e`, where there is such a table in the question;
    /// else all of it is the field.
    fn compound(&mut self, parts: &[Ident]) -> Expr {
        let join = |parts: &[Ident]| {
            parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
        };
        if let [table, rest @ ..] = parts
            && !rest.is_empty()
        {
            let same = |name: &&String| name.eq_ignore_ascii_case(&table.value);
            if let Some(table) = self.names.qualifiers.iter().find(same).cloned() {
                let is_table = self.known.tables.contains_key(&table.to_lowercase());
                let table = if is_table { table.to_lowercase() } else { table };
                let column = self.column(&join(rest));
                return Expr::CompoundIdentifier(vec![quoted(&table), column]);
            }
        }
        Expr::Identifier(self.column(&join(parts)))
    }

    /// `field('name')` becomes the field's column as text; `has_word('x')` looks at everything.
    fn function(&mut self, function: &mut Function) -> Option<Ident> {
        let name = single(&function.name)?.to_lowercase();
        let FunctionArguments::List(list) = &mut function.args else { return None };
        let literal = match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value
            {
                Value::SingleQuotedString(text) => Some(text.clone()),
                _ => None,
            },
            _ => None,
        };
        if name == "field" {
            let Some(field) = literal else {
                let why = "field wants the name of a field in quotes: field('source.ip')";
                self.refused.get_or_insert(why.to_owned());
                return None;
            };
            let column = self.column(&schema::as_text(&field));
            return Some(column);
        }
        if Test::from_name(&name).is_some() && literal.is_some() {
            let everything = Expr::Identifier(self.column(schema::EVERYTHING));
            list.args.insert(0, FunctionArg::Unnamed(FunctionArgExpr::Expr(everything)));
        }
        None
    }

    /// A text compared with a number: a text that is no number is unequal, and no error.
    fn as_number(&self, text: &mut Expr, number: &Expr) {
        if is_number(number) && self.is_text(text) {
            let inner = std::mem::replace(text, Expr::Identifier(quoted("")));
            *text = Expr::Cast {
                kind: CastKind::TryCast,
                expr: Box::new(inner),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            };
        }
    }

    fn is_text(&self, expr: &Expr) -> bool {
        let name = match expr {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(parts) => match parts.last() {
                Some(name) => name,
                None => return false,
            },
            _ => return false,
        };
        let is_text = |column: &Arrow| matches!(column, Arrow::Utf8View | Arrow::Utf8);
        let mut tables = self.known.tables.values();
        self.rare.contains(&name.value)
            || tables.any(|columns| columns.get(&name.value).is_some_and(is_text))
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { expr, .. } => is_number(expr),
        _ => false,
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

#[cfg(test)]
mod tests;
