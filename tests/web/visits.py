"""How a browser comes to a page of the showcase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.looks import Look
from tests.web.showcase import Showcase

if TYPE_CHECKING:
    from playwright.async_api import Page, Response

_SEND_FORM = """
([action, fields]) => {
  const form = document.createElement('form');
  Object.assign(form, {method: 'post', action});
  for (const [name, value] of fields) {
    const text = document.createElement('textarea');
    Object.assign(text, {name, value});
    form.append(text);
  }
  document.body.append(form);
  form.submit();
}
"""


async def visit(page: Page, showcase: Showcase, look: Look) -> Response:
    """Open a page as people do: by its address, or by sending a form from another page."""
    base = showcase.site.links.base
    name, token = showcase.session
    await page.context.clear_cookies()
    if look.is_logged_in:
        await page.context.add_cookies([{"name": name, "value": token, "url": f"{base}/operate"}])
    if look.fields is None:
        answer = await page.goto(base + look.path)
    else:
        fields = [
            (name, value)
            for name, values in look.fields.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        await page.goto(f"{base}/topics")
        async with page.expect_navigation() as navigation:
            await page.evaluate(_SEND_FORM, [base + look.path, fields])
        answer = await navigation.value
    assert answer is not None
    return answer
