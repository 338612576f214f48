"""Order service of the weak example. Every weakness here is on purpose; see README.md."""
import hashlib
import pickle
import random
import sqlite3
import subprocess
import tempfile

import requests
import yaml
from flask import Flask, request

app = Flask(__name__)
DATABASE_PASSWORD = "correct-horse-not-a-real-password"


def find_orders(customer):
    db = sqlite3.connect("orders.db")
    query = "SELECT * FROM orders WHERE customer = '%s'" % customer
    return db.execute(query).fetchall()


@app.route("/orders")
def orders():
    return str(find_orders(request.args["customer"]))


@app.route("/ping")
def ping():
    host = request.args["host"]
    return subprocess.check_output("ping -c 1 " + host, shell=True)


@app.route("/restore", methods=["POST"])
def restore():
    return str(pickle.loads(request.data))


@app.route("/settings", methods=["POST"])
def settings():
    return str(yaml.load(request.data))


def token():
    return hashlib.md5(str(random.random()).encode()).hexdigest()


def fetch_rates():
    path = tempfile.mktemp()
    reply = requests.get("https://rates.example.org/today", verify=False)
    with open(path, "wb") as file:
        file.write(reply.content)
    return eval(reply.text)


if __name__ == "__main__":
    app.run(host="0.0.0.0", debug=True)
