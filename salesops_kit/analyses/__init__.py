"""One module per question: metrics and models in, frames and findings out."""
