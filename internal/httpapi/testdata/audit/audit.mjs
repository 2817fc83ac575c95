// Runs all audits of npm graphql-http against the endpoint that is given, and prints one line of JSON for each:
// {"id", "name", "status": "ok" | "notice" | "warn" | "error", "reason"}. The Go test judges them.
import { auditServer } from 'graphql-http';

const [url] = process.argv.slice(2);
for (const result of await auditServer({ url, fetchFn: fetch })) {
  const { id, name, status, reason } = result;
  console.log(JSON.stringify({ id, name, status, reason }));
}
