//! SELECT.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    Expression, JoinKind, NamedQuery, OrderItem, Query, QueryBody, Select, SelectItem, SetOperator,
    TableSource,
};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    /// A query with its WITH, ORDER BY and OPTION.
    pub(super) fn query(&mut self) -> Result<Query> {
        self.nested(|parser| {
            let named = if parser.take_word("WITH") {
                parser.list(Self::named_query)?
            } else {
                Vec::new()
            };
            parser.query_after_with(named)
        })
    }

    pub(super) fn query_after_with(&mut self, named: Vec<NamedQuery>) -> Result<Query> {
        let body = self.set_operation()?;
        let mut query = Query {
            named,
            body,
            order_by: Vec::new(),
            offset: None,
            fetch: None,
            max_recursion: None,
        };
        if self.take_words(&["ORDER", "BY"]) {
            query.order_by = self.order_items()?;
            if self.take_word("OFFSET") {
                query.offset = Some(self.scalar()?);
                let _ = self.take_word("ROWS") || self.take_word("ROW");
                if self.take_word("FETCH") {
                    let _ = self.take_word("NEXT") || self.take_word("FIRST");
                    query.fetch = Some(self.scalar()?);
                    let _ = self.take_word("ROWS") || self.take_word("ROW");
                    self.expect_word("ONLY")?;
                }
            }
        }
        if self.is_word("FOR") {
            return Err(self.unsupported("FOR XML, FOR JSON and FOR BROWSE"));
        }
        if self.take_word("OPTION") {
            query.max_recursion = self.query_hints()?;
        }
        Ok(query)
    }

    /// `(MAXRECURSION 0, …)`: of the hints it is the only one that decides what comes out.
    fn query_hints(&mut self) -> Result<Option<u16>> {
        if !(self.is_symbol("(") && self.is_word_at(1, "MAXRECURSION")) {
            self.skip_parentheses()?;
            return Ok(None);
        }
        self.at += 2;
        let number: u32 = self.integer()?;
        let most = u16::try_from(number).ok().filter(|most| *most <= 32_767);
        if most.is_none() {
            return Err(self.error(
                310,
                format!(
                    "The value {number} specified for the MAXRECURSION option exceeds the allowed \
                     maximum of 32767."
                ),
            ));
        }
        if self.is_symbol(",") {
            return Err(self.unsupported("hints beside MAXRECURSION"));
        }
        self.expect_symbol(")")?;
        Ok(most)
    }

    pub(super) fn named_query(&mut self) -> Result<NamedQuery> {
        let name = self.name()?;
        let columns = if self.is_symbol("(") {
            self.name_list()?
        } else {
            Vec::new()
        };
        self.expect_word("AS")?;
        self.expect_symbol("(")?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        Ok(NamedQuery {
            name,
            columns,
            query,
        })
    }

    pub(super) fn order_items(&mut self) -> Result<Vec<OrderItem>> {
        self.list(|parser| {
            let value = parser.scalar()?;
            let is_descending = parser.take_word("DESC");
            let _ = !is_descending && parser.take_word("ASC");
            Ok(OrderItem {
                value,
                is_descending,
            })
        })
    }

    fn set_operation(&mut self) -> Result<QueryBody> {
        let mut left = self.intersection()?;
        loop {
            let operator = if self.take_word("UNION") {
                if self.take_word("ALL") {
                    SetOperator::UnionAll
                } else {
                    SetOperator::Union
                }
            } else if self.take_word("EXCEPT") {
                SetOperator::Except
            } else {
                return Ok(left);
            };
            self.count_operator()?;
            left = QueryBody::Set {
                operator,
                left: Box::new(left),
                right: Box::new(self.intersection()?),
            };
        }
    }

    fn intersection(&mut self) -> Result<QueryBody> {
        let mut left = self.query_part()?;
        while self.take_word("INTERSECT") {
            self.count_operator()?;
            left = QueryBody::Set {
                operator: SetOperator::Intersect,
                left: Box::new(left),
                right: Box::new(self.query_part()?),
            };
        }
        Ok(left)
    }

    fn query_part(&mut self) -> Result<QueryBody> {
        if self.take_symbol("(") {
            let inner = self.nested(Self::set_operation)?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        self.expect_word("SELECT")?;
        self.nested(Self::select)
            .map(|select| QueryBody::Select(Box::new(select)))
    }

    fn select(&mut self) -> Result<Select> {
        let is_distinct = self.take_word("DISTINCT");
        let _ = !is_distinct && self.take_word("ALL");
        let top = if self.take_word("TOP") {
            Some(self.top()?)
        } else {
            None
        };
        let items = self.list(Self::select_item)?;
        let into = if self.take_word("INTO") {
            Some(self.object_name()?)
        } else {
            None
        };
        let (from, filter) = self.sources_and_filter()?;
        let group_by = if self.take_words(&["GROUP", "BY"]) {
            self.list(Self::scalar)?
        } else {
            Vec::new()
        };
        let having = if self.take_word("HAVING") {
            Some(self.condition()?)
        } else {
            None
        };
        Ok(Select {
            is_distinct,
            top,
            items,
            into,
            from,
            filter,
            group_by,
            having,
        })
    }

    pub(super) fn top(&mut self) -> Result<Expression> {
        let top = if self.is_symbol("(") {
            self.next();
            let top = self.scalar()?;
            self.expect_symbol(")")?;
            top
        } else {
            // Without parentheses it is a number and nothing else: `TOP 1 *` is no product.
            let rows: i64 = self.integer()?;
            Expression::Literal(crate::simulator::tsql::ast::Literal::Int(rows))
        };
        if self.is_word("PERCENT") {
            return Err(self.unsupported("TOP … PERCENT"));
        }
        if self.is_word("WITH") && self.is_word_at(1, "TIES") {
            return Err(self.unsupported("TOP … WITH TIES"));
        }
        Ok(top)
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        if self.take_symbol("*") {
            return Ok(SelectItem::All(None));
        }
        if self.is_name() && self.peek_at(1).is_symbol(".") && self.peek_at(2).is_symbol("*") {
            let qualifier = self.name()?;
            self.at += 2;
            return Ok(SelectItem::All(Some(qualifier)));
        }
        if self.is_variable() && self.peek_at(1).is_symbol("=") {
            let variable = self.variable()?;
            self.next();
            let value = self.scalar()?;
            return Ok(SelectItem::Assign { variable, value });
        }
        let is_alias = self.is_name() || matches!(self.peek().kind, TokenKind::Text { .. });
        if is_alias && self.peek_at(1).is_symbol("=") {
            let alias = Some(self.alias_name()?);
            self.next();
            let value = self.scalar()?;
            return Ok(SelectItem::Value { value, alias });
        }
        let value = self.scalar()?;
        let is_alias = self.take_word("AS")
            || self.is_name()
            || matches!(self.peek().kind, TokenKind::Text { .. });
        let alias = if is_alias {
            Some(self.alias_name()?)
        } else {
            None
        };
        Ok(SelectItem::Value { value, alias })
    }

    fn alias_name(&mut self) -> Result<String> {
        if matches!(self.peek().kind, TokenKind::Text { .. }) {
            self.text()
        } else {
            self.name()
        }
    }

    /// `FROM …` and `WHERE …`, each where it is written.
    pub(super) fn sources_and_filter(
        &mut self,
    ) -> Result<(Option<TableSource>, Option<Expression>)> {
        let from = if self.take_word("FROM") {
            Some(self.table_sources()?)
        } else {
            None
        };
        let filter = if self.take_word("WHERE") {
            Some(self.condition()?)
        } else {
            None
        };
        Ok((from, filter))
    }

    /// Sources between commas are a cross join.
    pub(super) fn table_sources(&mut self) -> Result<TableSource> {
        let mut left = self.joined_source()?;
        while self.take_symbol(",") {
            self.count_operator()?;
            left = TableSource::Join {
                kind: JoinKind::Cross,
                left: Box::new(left),
                right: Box::new(self.joined_source()?),
                condition: None,
            };
        }
        Ok(left)
    }

    /// Passes over `(…)`, whatever is in it.
    pub(super) fn skip_parentheses(&mut self) -> Result<()> {
        self.expect_symbol("(")?;
        let mut open = 1_u32;
        while open > 0 {
            if self.is_end() {
                return Err(self.unexpected());
            }
            let token = self.next();
            if token.is_symbol("(") {
                open += 1;
            } else if token.is_symbol(")") {
                open -= 1;
            }
        }
        Ok(())
    }
}
