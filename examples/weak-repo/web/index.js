// Front end of the weak example. Every weakness here is on purpose; see README.md.
const { exec } = require("child_process");
const express = require("express");
const _ = require("lodash");

const app = express();

app.get("/thumbnail", (req, res) => {
  exec(`convert uploads/${req.query.file} -resize 100x100 out.png`, () => res.send("done"));
});

app.get("/calculate", (req, res) => {
  res.send(String(eval(req.query.expression)));
});

app.get("/hello", (req, res) => {
  res.send("<h1>Hello " + req.query.name + "</h1>");
});

app.post("/profile", express.json(), (req, res) => {
  res.json(_.merge({}, req.body));
});

function sessionId() {
  return Math.random().toString(36).slice(2);
}

app.get("/login", (req, res) => {
  res.cookie("session", sessionId(), { httpOnly: false, secure: false }).redirect(req.query.next);
});

app.listen(3000);
