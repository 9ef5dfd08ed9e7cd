// What many applications have: express-session with a store in DynamoDB. `rolling` extends a session with each request, so
// that one is read and written for each.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import connectDynamodb from "connect-dynamodb";
import express from "express";
import session from "express-session";

const HOUR = 3_600_000;
const client = new DynamoDBClient({
  endpoint: process.env.ENGINE_URL,
  region: "us-east-1",
  credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
});
const Store = connectDynamodb(session);
const app = express();
app.disable("x-powered-by");
app.use(
  session({
    store: new Store({ client, table: "express-sessions" }),
    secret: "bench",
    resave: false,
    rolling: true,
    saveUninitialized: false,
    cookie: { maxAge: HOUR },
  }),
);
app.post("/login", (request, response) => {
  request.session.user = request.get("x-user");
  response.json({ started: true });
});
app.post("/heartbeat", (request, response) => {
  const active = request.session.user !== undefined;
  response.status(active ? 200 : 401).json({ active });
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
