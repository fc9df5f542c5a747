// tedious: TDS in JavaScript alone.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');
const { createRequire } = require('module');

// Installed to the folder that the table was told.
const { Connection, Request, TYPES } = createRequire(`${process.argv[2]}/node_modules/`)('tedious');

const ENCRYPTION = { off: false, login: false, full: true, strict: 'strict' };
const PARAMETERS = {
  int: [TYPES.Int, Number],
  bit: [TYPES.Bit, (value) => value === '1'],
  nvarchar: [TYPES.NVarChar, String],
  varbinary: [TYPES.VarBinary, (value) => Buffer.from(value.slice(2), 'hex')],
};

// A statement is prepared before there are values whose lengths could be taken.
const LENGTHS = { nvarchar: { length: 4000 }, varbinary: { length: 8000 } };

let connection = null;

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function sayMessage(message) {
  say({ message: { number: message.number, severity: message.class, state: message.state, text: message.message } });
}

// The same moment as text, with as many digits as the column has.
function moment(value, type) {
  const whole = value.toISOString().replace('T', ' ').replace('Z', '');
  if (type === 'Date') return whole.slice(0, 10);
  // What a Date can't hold comes beside it.
  const below = Math.round((value.nanosecondsDelta || 0) * 1e7).toString().padStart(4, '0');
  return type === 'Time' ? `${whole.slice(11)}${below}` : `${whole}${below}`;
}

function shown(cell) {
  const { value, metadata } = cell;
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (Buffer.isBuffer(value)) return `0x${value.toString('hex')}`;
  if (value instanceof Date) return moment(value, metadata.type.name);
  return String(value);
}

function connect(asked) {
  return new Promise((resolve) => {
    const messages = [];
    const next = new Connection({
      server: asked.host,
      authentication: { type: 'default', options: { userName: asked.user, password: asked.password } },
      options: {
        port: asked.port,
        database: asked.database || undefined,
        encrypt: ENCRYPTION[asked.tls],
        trustServerCertificate: false,
        // Loopback has no name to be checked but the one that was asked for.
        serverName: asked.tls === 'off' ? undefined : asked.host,
        cryptoCredentialsDetails: asked.ca ? { ca: fs.readFileSync(asked.ca) } : {},
        useUTC: true,
        requestTimeout: 0,
        connectTimeout: 20000,
        useColumnNames: false,
      },
    });
    next.on('errorMessage', (message) => messages.push({ number: message.number, severity: message.class, state: message.state, text: message.message }));
    next.on('error', () => {});
    next.connect((error) => {
      if (error) {
        next.close();
        // The reason of the reason is TLS's own.
        const reasons = [];
        for (let each = error; each; each = each.cause) reasons.push(each.message);
        resolve({ failed: reasons.join(': '), messages });
        return;
      }
      connection = next;
      connection.on('infoMessage', sayMessage);
      connection.on('errorMessage', sayMessage);
      resolve({ connected: true });
    });
  });
}

class Digest {
  constructor() {
    this.rows = 0;
    this.letters = 0;
    this.hash = crypto.createHash('sha256');
  }

  take(text) {
    this.rows += 1;
    // Letters as Unicode counts them, not as JavaScript does.
    for (const _ of text) this.letters += 1;
    this.hash.update(text);
  }

  told() {
    return { rows: this.rows, letters: this.letters, sha256: this.hash.digest('hex') };
  }
}

function run(asked) {
  const sets = asked.parameters || [];
  return new Promise((resolve) => {
    const done = { results: [], failed: null, cancelled: false, digest: null };
    const digest = asked.digest ? new Digest() : null;
    let left = Math.max(sets.length, 1);
    let timer = null;
    const request = new Request(asked.sql, (error) => {
      if (error && !done.failed) {
        done.failed = error.message;
        done.cancelled = error.code === 'ECANCEL';
      }
      left -= 1;
      if (asked.prepare && !error && left > 0) {
        connection.execute(request, values(sets[sets.length - left]));
        return;
      }
      const end = () => {
        clearTimeout(timer);
        if (digest) done.digest = digest.told();
        resolve(done);
      };
      if (asked.prepare && request.handle) {
        request.callback = end;
        connection.unprepare(request);
      } else {
        end();
      }
    });
    request.on('columnMetadata', (columns) => done.results.push({
      columns: columns.map((column) => column.colName),
      // The first of the flags that MS-TDS has for a column.
      nullable: columns.map((column) => (column.flags & 1) === 1),
      rows: [],
    }));
    request.on('row', (cells) => {
      if (digest) digest.take(cells[0].value);
      else done.results[done.results.length - 1].rows.push(cells.map(shown));
    });
    (sets[0] || []).forEach(({ type, value }, at) => {
      const [kind, from] = PARAMETERS[type];
      request.addParameter(`P${at + 1}`, kind, value === null || asked.prepare ? null : from(value), LENGTHS[type]);
    });
    if (asked.cancel_after_ms !== undefined) {
      timer = setTimeout(() => connection.cancel(), asked.cancel_after_ms);
    }
    if (asked.prepare) {
      request.on('prepared', () => connection.execute(request, values(sets[0])));
      connection.prepare(request);
    } else if (sets.length) {
      connection.execSql(request);
    } else {
      connection.execSqlBatch(request);
    }
  });
}

function values(row) {
  return Object.fromEntries(row.map(({ type, value }, at) => [`P${at + 1}`, value === null ? null : PARAMETERS[type][1](value)]));
}

function transaction(asked) {
  const step = { begin: 'beginTransaction', commit: 'commitTransaction', rollback: 'rollbackTransaction' }[asked.step];
  return new Promise((resolve) => {
    connection[step]((error) => resolve(error ? { failed: error.message } : {}));
  });
}

function close() {
  if (!connection) return {};
  const closing = connection;
  connection = null;
  return new Promise((resolve) => {
    closing.on('end', () => resolve({}));
    closing.close();
  });
}

const STEPS = { connect, run, transaction, close };

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    let done;
    try {
      if (asked.do === 'connect') await close();
      done = await STEPS[asked.do](asked);
    } catch (error) {
      done = { failed: `${error.name}: ${error.message}` };
    }
    say({ done });
  }
}

main();
