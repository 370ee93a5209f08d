//! A call whose body comes in pieces, each sent when the one before it was read, so that each is a piece to the program too.

use std::time::Duration;

use speil::faults::Step;
use speil::protocol::names::Operation;
use speil::task::answer::{self, Body};
use speil::task::client::{CallError, Client};
use speil::task::connection::Connection;
use speil::task::spelling::Batch;

use super::orders::{Action, Orders};

/// As many pieces as there are.
const PIECES: usize = 3;
const OPERATION: Operation = Operation::RowData;

/// A RowData call of which a piece is about to be sent.
pub struct InPieces {
    connection: Connection,
    pieces: Vec<Vec<u8>>,
    /// How many are sent.
    sent: usize,
}

impl InPieces {
    /// Sends all pieces before the one of this number, counted from 1; each is read. The action is ordered for that one.
    pub async fn until(orders: &Orders, client: &Client, batches: &[Batch], number: usize, action: Action) -> Self {
        let (head, body) = client.raw_row_data(batches).expect("signed");
        let connection = client.open().await.expect("the program listens");
        let mut pieces: Vec<Vec<u8>> = body.chunks(body.len().div_ceil(PIECES)).map(<[u8]>::to_vec).collect();
        pieces[0] = [head, pieces[0].clone()].concat();
        let mut call = Self { connection, pieces, sent: 0 };
        for _ in 1..number {
            let before = orders.given();
            orders.give(Step::BodyPiece, Action::Hold, 0);
            orders.release_until(before);
            call.send().await.expect("the program reads");
            orders.are_carried_out().await;
        }
        let before = orders.given();
        orders.give(Step::BodyPiece, action, 0);
        orders.release_until(before);
        call
    }

    async fn send(&mut self) -> Result<(), CallError> {
        let piece = &self.pieces[self.sent];
        self.sent += 1;
        self.connection.send(piece).await.map_err(|source| CallError::Transport { operation: OPERATION, source })
    }

    /// Sends the others, and waits for the answer. Whether the call was successful.
    ///
    /// # Errors
    /// It was not, or there is no answer.
    pub async fn end(mut self, orders: &Orders) -> Result<bool, CallError> {
        self.send().await?;
        orders.are_carried_out().await;
        while self.sent < self.pieces.len() {
            // Should nobody read it any more, the answer says why, or that there is none.
            let _ = self.send().await;
        }
        let transport = |source| CallError::Transport { operation: OPERATION, source };
        let response = self.connection.receive(Duration::from_mins(2)).await.map_err(transport)?;
        let unreadable = |what| CallError::Unreadable { operation: OPERATION, status: response.status, what };
        match answer::read(OPERATION, &response.body).map_err(unreadable)? {
            Body::Fault(fault) => Err(CallError::Fault { operation: OPERATION, fault }),
            Body::Answer(answer) if answer.successful => Ok(true),
            Body::Answer(answer) => Err(CallError::Refused { operation: OPERATION, message: answer.error_message }),
        }
    }
}
