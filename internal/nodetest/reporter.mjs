// A reporter of Node's test runner for nodetest.go: a line of JSON for each test, {"File", "Name", "Status": "pass" | "fail" |
// "skip", "Detail"}. What a file prints itself goes to standard error.
import { basename } from 'node:path';
import { inspect } from 'node:util';

export default async function* reporter(source) {
  for await (const { type, data } of source) {
    if (type === 'test:stderr' || type === 'test:stdout') process.stderr.write(data.message);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const outcome = { File: basename(data.file ?? data.name), Name: data.name, Status: 'pass', Detail: '' };
    if (data.skip !== undefined || data.todo !== undefined) {
      outcome.Status = 'skip';
      outcome.Detail = String(data.skip ?? data.todo);
    } else if (type === 'test:fail') {
      const { cause = data.details.error } = data.details.error;
      outcome.Status = 'fail';
      outcome.Detail = cause?.stack ? `${cause.stack}\n${inspect(cause, { depth: 8 })}` : inspect(cause);
    }
    yield `${JSON.stringify(outcome)}\n`;
  }
}
