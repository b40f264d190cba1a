import * as z from "zod";
import { configSchema } from "./schema.ts";

/** Words of the reference page that are none of JSON Schema. */
const OWN_WORDS = ["takes", "whenAbsent"];

/** The schema of the file as it is written, for editors: draft 7, which yaml-language-server reads. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      for (const word of OWN_WORDS) delete (jsonSchema as Record<string, unknown>)[word];
      // A length of time that is parsed already is none as it is written.
      if (jsonSchema.type === "string" && typeof jsonSchema.default !== "string") delete jsonSchema.default;
      if (jsonSchema.description === "") delete jsonSchema.description; // an entry of a list, which the list describes
    },
  });
  return { ...schema, title: "Configuration of Waypost" };
}
