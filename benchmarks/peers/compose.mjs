// Reads {mails: [{mjml, text, from, to, subject}]} from a file, composes each mail with official mjml and nodemailer's
// composer, and prints {rate} in mails a second. With a key file in the job each mail is signed by nodemailer.
import fs from 'fs';
import mjml2html from 'mjml';
import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import DKIM from 'nodemailer/lib/dkim/index.js';

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const dkim = job.key && new DKIM({domainName: 'news.example.org', keySelector: 's1', privateKey: job.key});

async function compose(mail) {
  const {html} = await mjml2html(mail.mjml, {fonts: {}});
  const node = new MailComposer({from: mail.from, to: mail.to, subject: mail.subject, text: mail.text, html}).compile();
  const body = await node.build();
  if (!dkim) return body;
  const chunks = [];
  for await (const chunk of dkim.sign(body)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

await compose(job.mails[0]);
const begun = performance.now();
for (const mail of job.mails) await compose(mail);
console.log(JSON.stringify({rate: job.mails.length / ((performance.now() - begun) / 1000)}));
