/** What a failure means to whoever sent the message, and what to do. */
export interface Explanation {
  readonly what: string;
  readonly advice: string;
}

const ASK_ADMINISTRATOR = "If you do not know why, show this report to your mail administrator.";

// By subject and detail of RFC 3463 (and its registry); a subject alone stands for all of its details.
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  "1.1": {
    what: "There is no such mailbox.",
    advice: "Check the address for a slip of the pen, and send the message again.",
  },
  "1.2": {
    what: "The domain behind the @ does not exist, or has no mail server.",
    advice: "Check the address for a slip of the pen, and send the message again.",
  },
  "1.3": { what: "The address is not valid there.", advice: "Check the address, and send the message again." },
  "1.6": {
    what: "The mailbox has moved, and left no new address.",
    advice: "Ask the recipient for the new address in another way.",
  },
  "1.8": { what: "The sender's address is not accepted there.", advice: ASK_ADMINISTRATOR },
  "1.10": {
    what: "The domain behind the @ says that it takes no mail at all.",
    advice: "Ask the recipient for another address.",
  },
  "2.1": { what: "The mailbox is closed.", advice: "Reach the recipient in another way." },
  "2.2": {
    what: "The mailbox is full.",
    advice: "Send the message again later, or reach the recipient in another way.",
  },
  "2.3": {
    what: "The message is larger than the mailbox takes.",
    advice: "Send it with smaller attachments, or with a link to them.",
  },
  "3.4": {
    what: "The message is larger than the receiving server takes.",
    advice: "Send it with smaller attachments, or with a link to them.",
  },
  "4.3": {
    what: "The domain behind the @ could not be looked up.",
    advice: "Its name servers do not answer. Check the address, or send the message again later.",
  },
  "4.6": { what: "The message went round in circles between mail servers.", advice: ASK_ADMINISTRATOR },
  "4.7": {
    what: "The message could not be handed over in all the time that it was tried.",
    advice: "The receiving server was away, or kept putting it off. Send the message again later.",
  },
  "6.3": {
    what: "The receiving server takes plain ASCII text only, and this message cannot be converted without harm.",
    advice: ASK_ADMINISTRATOR,
  },
  "6.7": {
    what: "The receiving server does not take addresses with characters beyond ASCII.",
    advice: "Ask the recipient for an address in plain letters.",
  },
  "6.9": {
    what: "The receiving server does not take headers with raw characters beyond ASCII.",
    advice: ASK_ADMINISTRATOR,
  },
  "7": {
    what: "The receiving server's rules do not let this message in.",
    advice: "What it said is below; its administrators know more.",
  },
};

const OTHERWISE: Explanation = {
  what: "The receiving server refused the message.",
  advice: "What it said is below; its administrators know more.",
};

/** `means` where an operator of the relay ended it. */
export const BY_OPERATOR = "operator";

const ENDED: Explanation = {
  what: "The administrator of this mail relay ended the delivery before it was made.",
  advice: ASK_ADMINISTRATOR,
};

/**
 * `status` is an enhanced status code of RFC 3463: `5.1.1`. `means` goes before the code of an expiry: the code of what was
 * met last says more than that the time is over.
 */
export function explanationOf(status: string, means?: string): Explanation {
  if (means === BY_OPERATOR) return ENDED;
  const [, subject = "", detail = ""] = status.split(".");
  const met = means === undefined ? undefined : EXPLANATIONS[means.split(".").slice(1).join(".")];
  return met ?? EXPLANATIONS[`${subject}.${detail}`] ?? EXPLANATIONS[subject] ?? OTHERWISE;
}

const NOTHING_TO_DO = "There is nothing for you to do.";

const SENDER_NOT_ACCEPTED: Explanation = {
  what: "The sender's address is not accepted there for now.",
  advice: ASK_ADMINISTRATOR,
};

// The same of a delay: what stands in the way now, where trying again may be the whole remedy.
const DELAYS: Readonly<Record<string, Explanation>> = {
  "1": {
    what: "The receiving server does not take mail for this address now.",
    advice: "Check the address for a slip of the pen; where it is right there is nothing for you to do.",
  },
  "1.7": SENDER_NOT_ACCEPTED,
  "1.8": SENDER_NOT_ACCEPTED,
  "2.2": {
    what: "The mailbox is full.",
    advice: "There is nothing for you to do, unless you can tell the recipient in another way.",
  },
  "3.1": { what: "The receiving server has no room for it now.", advice: NOTHING_TO_DO },
  "3.2": { what: "The receiving server takes no mail for the moment.", advice: NOTHING_TO_DO },
  "3.5": {
    what: "A mail server on the way is not set up as it should be.",
    advice: "Its administrators have to mend that.",
  },
  "4.1": { what: "The receiving server cannot be reached.", advice: NOTHING_TO_DO },
  "4.2": { what: "The connection to the receiving server broke off.", advice: NOTHING_TO_DO },
  "4.3": {
    what: "The domain behind the @ could not be looked up: its name servers do not answer.",
    advice: "Check the address for a slip of the pen; where it is right there is nothing for you to do.",
  },
  "4.4": { what: "There is no way to the receiving server now.", advice: NOTHING_TO_DO },
  // It waits without having been tried: for a server that failed before, or for another way.
  "4.0": { what: "The way to the receiving server is closed for now.", advice: NOTHING_TO_DO },
  "7": {
    what: "The receiving server's rules do not let it in yet; many put off senders that they do not know.",
    advice: NOTHING_TO_DO,
  },
  "7.4": { what: "A server on the way and this relay do not agree on encryption.", advice: NOTHING_TO_DO },
  "7.5": { what: "A server on the way and this relay do not agree on encryption.", advice: NOTHING_TO_DO },
  "7.8": {
    what: "A server on the way does not take this relay's login.",
    advice: "Its administrators have to mend that.",
  },
};

const DELAYED_BY_ANSWER: Explanation = { what: "The receiving server put it off.", advice: NOTHING_TO_DO };
const DELAYED: Explanation = { what: "It could not be handed over yet.", advice: NOTHING_TO_DO };

/** Of a delivery that is late; `isAnswered`: a server said so. */
export function explanationOfDelay(status: string, isAnswered: boolean): Explanation {
  const [, subject = "", detail = ""] = status.split(".");
  return DELAYS[`${subject}.${detail}`] ?? DELAYS[subject] ?? (isAnswered ? DELAYED_BY_ANSWER : DELAYED);
}
