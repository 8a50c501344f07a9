// Sends the mails of a JSON-lines file ({subject, html, text, from, to, headers, messageId}) through nodemailer's pool, composing each,
// and prints {rate, cpuUs}: mails a second, and microseconds of CPU a mail. With a key file each mail is signed.
import fs from 'fs';
import nodemailer from 'nodemailer';

const [file, port, connections, keyFile] = process.argv.slice(2);
const mails = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true, pool: true,
  maxConnections: Number(connections), maxMessages: Infinity,
  ...(keyFile ? {dkim: {domainName: 'news.example.org', keySelector: 's1', privateKey: fs.readFileSync(keyFile, 'utf8')}} : {}),
});

async function sendAll(some) {
  let next = 0;
  // As many at once as the pool can hold, so that no more than that waits in memory.
  const work = async () => { while (next < some.length) await transport.sendMail(some[next++]); };
  await Promise.all(Array.from({length: Number(connections) * 2}, work));
}

await sendAll(mails.slice(0, 32));
const begun = performance.now();
const before = process.cpuUsage();
await sendAll(mails);
const {user, system} = process.cpuUsage(before);
console.log(JSON.stringify({rate: mails.length / ((performance.now() - begun) / 1000), cpuUs: (user + system) / mails.length}));
transport.close();
