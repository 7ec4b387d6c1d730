//! A question is planned for one table; files have columns of their own. This turns what the
//! question says of the table's columns into what stands in a file, so that filters reach its
//! statistics, filters and pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, IsNotNullExpr, Literal};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;

use super::{everything, field, function, list, message, schema};
use crate::layout;

/// Makes an adapter for each file.
#[derive(Debug)]
pub struct Factory;

impl PhysicalExprAdapterFactory for Factory {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let mixed =
            file.metadata().get(layout::MIXED).and_then(|text| serde_json::from_str(text).ok());
        let plain = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&table), file.clone())?;
        Ok(Arc::new(Adapter { table, file, mixed, plain }))
    }
}

#[derive(Debug)]
struct Adapter {
    table: SchemaRef,
    file: SchemaRef,
    /// Nothing: any field may be in `rest`, too.
    mixed: Option<BTreeSet<String>>,
    plain: Arc<dyn PhysicalExprAdapter>,
}

type Expr = Arc<dyn PhysicalExpr>;

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Expr) -> Result<Expr> {
        let mut inside = |expr: Expr| {
            if let Some(spread) = self.over_everything(&expr)? {
                return Ok(Transformed::new(spread, true, TreeNodeRecursion::Jump));
            }
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let column = self.column(column.name(), &expr)?;
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        };
        Ok(expr.transform_down(&mut inside)?.data)
    }
}

impl Adapter {
    /// `contains_i(everything, 'x')` looks at the columns one by one instead of putting all texts
    /// of an event into one.
    fn over_everything(&self, expr: &Expr) -> Result<Option<Expr>> {
        let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else { return Ok(None) };
        let [looked_at, piece] = call.args() else { return Ok(None) };
        let Some(test) = function::Test::from_name(call.fun().name()) else { return Ok(None) };
        let column = looked_at.downcast_ref::<Column>();
        if column.is_none_or(|column| column.name() != schema::EVERYTHING) {
            return Ok(None);
        }
        // A piece of a message that ends its line is a piece of the line. A word need not be one.
        let text = piece.downcast_ref::<Literal>().and_then(|piece| piece.value().try_as_str()?);
        let numbers = text.is_none_or(|text| test.may_pass_number(text));
        let mut args = self.texts(test != function::Test::Contains, numbers)?;
        args.push(Arc::clone(piece));
        Ok(Some(self.call(call.fun().clone(), args)?))
    }

    fn column(&self, name: &str, expr: &Expr) -> Result<Expr> {
        if schema::is_fixed(name) {
            return self.plain.rewrite(Arc::clone(expr));
        }
        if name == schema::EVERYTHING {
            return self.call(everything::join(), self.texts(true, true)?);
        }
        let table = self.table.field_with_name(name)?.data_type();
        let field = schema::field_of(name).unwrap_or(name);
        let rest = self.physical("rest");
        let args = match self.own(field)? {
            Some((column, held)) => {
                let is_mixed = self.mixed.as_ref().is_none_or(|mixed| mixed.contains(field));
                if !is_mixed && is_same(&held, table) {
                    return Ok(column);
                }
                [Some(column), rest.map(|(rest, _)| rest)].into_iter().flatten().collect()
            }
            _ => rest.map(|(rest, _)| rest).into_iter().collect(),
        };
        self.call(field::reader(field, table), args)
    }

    /// What stands in a field's own column, also where that says that it is in the line.
    fn own(&self, field: &str) -> Result<Option<(Expr, DataType)>> {
        let found = self.physical(field);
        let Some((column, held)) = found.filter(|_| !schema::is_fixed(field)) else {
            return Ok(None);
        };
        if matches!(held, DataType::List(_)) {
            return Ok(Some((self.list(column)?, held)));
        }
        let at = self.file.field_with_name(layout::MESSAGE_AT);
        if !at.is_ok_and(layout::is_message_at) {
            return Ok(Some((column, held)));
        }
        match (field, self.physical(layout::MESSAGE_AT), self.physical("raw")) {
            (layout::MESSAGE_AT, ..) => Ok(None),
            (layout::MESSAGE, Some((at, _)), Some((raw, _))) => {
                let message = self.call(message::reader(), vec![column, at, raw])?;
                Ok(Some((message, DataType::Utf8View)))
            }
            _ => Ok(Some((column, held))),
        }
    }

    /// As [`list::reader`] says.
    fn list(&self, column: Expr) -> Result<Expr> {
        let is_there: Expr = Arc::new(IsNotNullExpr::new(Arc::clone(&column)));
        self.call(list::reader(), vec![column, is_there])
    }

    fn physical(&self, name: &str) -> Option<(Expr, DataType)> {
        let at = self.file.index_of(name).ok()?;
        let column: Expr = Arc::new(Column::new(name, at));
        Some((column, self.file.field(at).data_type().clone()))
    }

    /// Columns of the file in which texts stand; `whole`: each text also by itself, where it is
    /// kept within another; `numbers`: whole numbers, too.
    fn texts(&self, whole: bool, numbers: bool) -> Result<Vec<Expr>> {
        let is_text = |name: &str, held: &DataType| {
            let is_number = *held == DataType::Int64;
            let is_text = matches!(held, DataType::Utf8 | DataType::Utf8View | DataType::List(_));
            (is_text || numbers && is_number) && everything::looks_at(name)
        };
        let fields = self.file.fields().iter();
        let fields = fields.filter(|field| is_text(field.name(), field.data_type()));
        let columns = fields.filter_map(|field| Some((field.name(), self.physical(field.name())?)));
        columns
            .map(|(name, (column, held))| match name.as_str() {
                _ if matches!(held, DataType::List(_)) => self.list(column),
                "rest" => self.call(everything::of_rest(), vec![column]),
                layout::MESSAGE if whole => Ok(self.own(name)?.map_or(column, |(own, _)| own)),
                _ => Ok(column),
            })
            .collect()
    }

    fn call(&self, function: ScalarUDF, args: Vec<Expr>) -> Result<Expr> {
        let file: &Schema = &self.file;
        let options = Arc::new(ConfigOptions::default());
        Ok(Arc::new(ScalarFunctionExpr::try_new(Arc::new(function), args, file, options)?))
    }
}

fn is_same(file: &DataType, table: &DataType) -> bool {
    match (file, table) {
        (DataType::List(_), DataType::List(_)) => true,
        _ => file == table,
    }
}
