"""The same query as in server.py, done right: no scanner should speak of this file."""
import sqlite3


def find_orders(customer):
    with sqlite3.connect("orders.db") as db:
        return db.execute("SELECT * FROM orders WHERE customer = ?", (customer,)).fetchall()
