//! Holds connections open and says nothing over them, from a process of its own: a test that plays five hundred callers
//! and their server would want more open files than many systems give to one process.
//!
//!     hold-connections ADDRESS NUMBER
//!
//! Prints `held` when all are open, and lets go when its standard input ends.

use std::io::Read as _;
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which address?")?;
    let number: usize = arguments.next().ok_or("how many?")?.parse()?;
    let held = (0..number).map(|_| TcpStream::connect(&address)).collect::<Result<Vec<_>, _>>()?;
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}
