// Buttons that copy what is shown beside them. Without this file they stay hidden, and the text can be selected.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText.trim());
    button.querySelector("[role=status]").textContent = button.dataset.done;
  });
}
