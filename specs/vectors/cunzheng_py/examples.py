"""The worked examples in specs/*.md, made from the same code as the vectors.

A page marks each example with `<!-- example: NAME -->` before a fenced block; the block's text is compared
with, or replaced by, what `examples()` gives for that name.
"""

import re
import sys

BLOCK = re.compile(r"<!-- example: ([a-z0-9_-]+) -->\n```[a-z]*\n(.*?)```\n", re.S)


def examples():
    return {}


def run(specs, write):
    texts, used, bad = examples(), set(), []
    for page in sorted(specs.glob("*.md")):
        old = page.read_text(encoding="utf-8")

        def place(match, page=page):
            name, text = match[1], match[2]
            used.add(name)
            if name not in texts:
                bad.append(f"{page.name}: no example {name}")
            elif text != texts[name]:
                if write:
                    return match[0].replace(text, texts[name]) if text else match[0][:-4] + texts[name] + "```\n"
                bad.append(f"{page.name}: example {name} differs")
            return match[0]

        new = BLOCK.sub(place, old)
        if write and new != old:
            page.write_text(new, encoding="utf-8")
    bad += [f"example {name} is on no page" for name in sorted(set(texts) - used)]
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{len(used)} examples, {len(bad)} faults")
    return not bad
